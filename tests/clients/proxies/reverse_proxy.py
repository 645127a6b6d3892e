"""nginx, HAProxy and Caddy in the foreground, with the configurations of docs/proxies and addresses of a test."""

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.clients.proxies.ports import free_port
from tests.support.processes import ROOT, wait_until

DOCUMENTED = ROOT / "docs" / "proxies"
HOST = "tracker.example.org"
ADDRESS = "127.0.0.1"
_STARTS = 3  # a port that was free may be taken when it is asked for


def filled(text: str, changes: Mapping[str, str]) -> str:
    """The text with every change made; each must find its place."""
    for before, after in changes.items():
        assert before in text, f"the documented configuration has no {before!r}"
        text = text.replace(before, after)
    return text


@dataclass
class ReverseProxy(ABC):
    """One proxy over a service; `packs` lets it compress what it passes on."""

    folder: Path
    upstream: int
    certificate: Path
    packs: bool = False
    port: int = 0
    tls_port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    passes_forwarded = True
    """Whether what the client said of forwarding stands before what the proxy says."""

    silent_until_the_body = False
    """Whether a client that waits for 100 is told nothing before it sends its body."""

    too_large: ClassVar[frozenset[int]] = frozenset({413})
    """The statuses of a body beyond the proxy's own limit."""

    @property
    def name(self) -> str:
        """Its key in `PROXIES`."""
        return type(self).__name__.lower()

    @abstractmethod
    def configure(self) -> list[str]:
        """Write the configuration; return the command that runs it."""

    def start(self) -> None:
        """Start, and return when both ports answer."""
        for _ in range(_STARTS):
            self.port, self.tls_port = free_port(ADDRESS), free_port(ADDRESS)
            command = self.configure()
            with self._log.open("wb") as log:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env=self._environment(),
                )
            wait_until(lambda: self._ended() or self._answers(), lambda: self.output)
            if not self._ended():
                return
        raise AssertionError(f"{command} ended:\n{self.output}")

    def stop(self) -> None:
        """End it, however it stands."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def output(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return self.folder / "output"

    def _ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def _answers(self) -> bool:
        listening = Path("/proc/net/tcp").read_text()
        return all(
            f"0100007F:{port:04X} 00000000:0000 0A" in listening for port in (self.port, self.tls_port)
        )

    def _environment(self) -> dict[str, str]:
        home = str(self.folder)
        return {**os.environ, "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}


class Nginx(ReverseProxy):
    """nginx as one process, which needs no other user."""

    def configure(self) -> list[str]:
        site = filled(
            (DOCUMENTED / "nginx.conf").read_text(),
            {
                "127.0.0.1:6969": f"127.0.0.1:{self.upstream}",
                "listen 80;": f"listen {ADDRESS}:{self.port};",
                "listen 443 ssl ": f"listen {ADDRESS}:{self.tls_port} ssl ",
                "/etc/ssl/tracker.example.org.pem": str(self.certificate),
                "/etc/ssl/tracker.example.org.key": str(self.certificate),
            },
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        packing = "gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *;" if self.packs else ""
        (self.folder / "nginx.conf").write_text(
            "daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
            "events { }\n"
            f"http {{ access_log off; {packing}\n"
            + "".join(f"{kind}_temp_path {kind};\n" for kind in kinds)
            + f"{site}\n}}\n"
        )
        return ["nginx", "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]


class HAProxy(ReverseProxy):
    """HAProxy with one thread, whose requests share the connections to the service."""

    def configure(self) -> list[str]:
        packing = (
            "compression algo gzip\n    compression type text/html text/plain application/json"
            if self.packs
            else ""
        )
        text = filled(
            (DOCUMENTED / "haproxy.cfg").read_text(),
            {
                "global\n": "global\n    nbthread 1\n",
                "127.0.0.1:6969": f"127.0.0.1:{self.upstream}",
                "bind :80 ": f"bind {ADDRESS}:{self.port} ",
                "bind :443 ": f"bind {ADDRESS}:{self.tls_port} ",
                "/etc/ssl/tracker.example.org.pem": str(self.certificate),
                "backend peerage\n    option": f"backend peerage\n    {packing}\n    option",
            },
        )
        (self.folder / "haproxy.cfg").write_text(text)
        return ["haproxy", "-db", "-f", "haproxy.cfg"]


class Caddy(ReverseProxy):
    """Caddy with a certificate that is there, as none can be had for a name of a test."""

    passes_forwarded = False
    silent_until_the_body = True
    too_large = frozenset({413, 502})  # what it cut off itself it takes for a fault of the service

    def configure(self) -> list[str]:
        ports = f"\thttp_port {self.port}\n\thttps_port {self.tls_port}\n"
        ours = f"\tadmin off\n\tdefault_bind {ADDRESS}\n{ports}"
        tls = f"\ttls {self.certificate} {self.certificate}\n"
        packing = "\tencode gzip\n" if self.packs else ""
        text = filled(
            (DOCUMENTED / "Caddyfile").read_text(),
            {
                "{\n\tservers {": f"{{\n{ours}\tservers {{",
                "127.0.0.1:6969": f"127.0.0.1:{self.upstream}",
                f"https://{HOST} {{\n": f"https://{HOST} {{\n{tls}",
                "(peerage) {\n": f"(peerage) {{\n{packing}",
            },
        )
        (self.folder / "Caddyfile").write_text(text)
        return ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]


class NginxStream(ReverseProxy):
    """nginx that passes bytes on behind a header of the PROXY protocol, version 1."""

    def configure(self) -> list[str]:
        site = filled(
            (DOCUMENTED / "nginx-proxy-protocol.conf").read_text(),
            {
                "127.0.0.1:6969": f"127.0.0.1:{self.upstream}",
                "listen 80;": f"listen {ADDRESS}:{self.port};",
                "listen 443 ssl;": f"listen {ADDRESS}:{self.tls_port} ssl;",
                "/etc/ssl/tracker.example.org.pem": str(self.certificate),
                "/etc/ssl/tracker.example.org.key": str(self.certificate),
            },
        )
        (self.folder / "nginx.conf").write_text(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
            "daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
            f"events {{ }}\n{site}\n"
        )
        return ["nginx", "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]


class HAProxyStream(ReverseProxy):
    """HAProxy that passes bytes on behind a header of the PROXY protocol."""

    sends = "send-proxy-v2"

    def configure(self) -> list[str]:
        text = filled(
            (DOCUMENTED / "haproxy-proxy-protocol.cfg").read_text(),
            {
                "global\n": "global\n    nbthread 1\n",
                "127.0.0.1:6969": f"127.0.0.1:{self.upstream}",
                "bind :80 ": f"bind {ADDRESS}:{self.port} ",
                "bind :443 ": f"bind {ADDRESS}:{self.tls_port} ",
                "/etc/ssl/tracker.example.org.pem": str(self.certificate),
                "send-proxy-v2": self.sends,
            },
        )
        (self.folder / "haproxy.cfg").write_text(text)
        return ["haproxy", "-db", "-f", "haproxy.cfg"]


class HAProxyStreamV1(HAProxyStream):
    """The same with version 1."""

    sends = "send-proxy"


STREAMS: dict[str, type[ReverseProxy]] = {
    "haproxy-v1": HAProxyStreamV1,
    "haproxy-v2": HAProxyStream,
    "nginx-v1": NginxStream,
}
PROXIES: dict[str, type[ReverseProxy]] = {"nginx": Nginx, "haproxy": HAProxy, "caddy": Caddy}
