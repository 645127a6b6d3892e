"""Configurations of nginx, HAProxy and Caddy before a service; those in docs/proxies/ are written here too."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from peerage.setting_values import ListenAddress, is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peerage.config import Settings

_EXAMPLE = "tracker.example.org"
_MIB = 2**20
_BODY_STEP = 4 * _MIB
_KEPT_LESS = 10  # seconds by which the proxy closes an idle connection earlier than the service
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

_NGINX = """\
# Peerage behind nginx: a file of /etc/nginx/conf.d/, included inside `http { }`.
upstream peerage {
    server @UPSTREAM@;
    keepalive 32;
    keepalive_timeout @KEEP@s;  # below http.keep_alive, so that nginx closes idle connections first
}

server {
    listen 80;  # most BitTorrent clients announce without TLS
    listen 443 ssl http2;
    server_name @HOST@;
    ssl_certificate /etc/ssl/@HOST@.pem;
    ssl_certificate_key /etc/ssl/@HOST@.key;

    client_max_body_size @BODY_MIB@m;  # cache.max_torrent_size and a third of it, for SOAP's base64
    client_header_timeout @HEADER@s;
    client_body_timeout @BODY@s;
    large_client_header_buffers 4 32k;  # as long as a request's head may be in Peerage's eyes

    location @ROOT@/ {
        proxy_pass http://peerage;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_connect_timeout 5s;
        proxy_read_timeout 120s;  # a lookup waits for a minute at most
        proxy_max_temp_file_size 0;  # an answer that its client takes slowly stays off the disk
    }
}
"""

_HAPROXY = """\
# Peerage behind HAProxy: /etc/haproxy/haproxy.cfg, or its parts below what is there.
global
    maxconn @CONNECTIONS@  # below http.max_connections

defaults
    mode http
    timeout connect 5s
    timeout http-request @HEADER@s
    timeout http-keep-alive @BODY@s
    timeout client @BODY@s
    timeout server 120s  # a lookup waits for a minute at most

frontend tracker
    bind :80  # most BitTorrent clients announce without TLS
    bind :443 ssl crt /etc/ssl/@HOST@.pem alpn h2,http/1.1  # certificate and key
    # cache.max_torrent_size and a third of it, for SOAP's base64
    http-request deny deny_status 413 if { req.body_size gt @BODY_BYTES@ }
    @ROUTE@

backend peerage
    option forwardfor
    http-reuse always  # announces are mostly the only request of their connection
    server peerage @UPSTREAM@
"""

_CADDY = """\
# Peerage behind Caddy: /etc/caddy/Caddyfile. Caddy gets the certificate by itself.
{
	servers {
		timeouts {
			read_header @HEADER@s
			read_body @BODY@s
			idle @BODY@s
		}
	}
}

(peerage) {
	request_body {
		max_size @BODY_MIB@MiB # cache.max_torrent_size and a third of it, for SOAP's base64
	}
	reverse_proxy @MATCH@@UPSTREAM@ {
		transport http {
			keepalive @KEEP@s # below http.keep_alive, so that Caddy closes idle connections first
			dial_timeout 5s
			response_header_timeout 120s # a lookup waits for a minute at most
			compression off # else Caddy asks for gzip, unpacks it and drops the length
		}
	}
}

# Said by itself, so that Caddy does not redirect: most BitTorrent clients announce without TLS.
http://@HOST@ {
	import peerage
}

https://@HOST@ {
	import peerage
}
"""


@dataclass(frozen=True, slots=True)
class ProxyProgram:
    """A reverse proxy: the command that runs it, its file in docs/proxies/, where that goes, and its text."""

    command: str
    file: str
    place: str
    brings_certificate: bool
    passes_websocket: bool
    template: str


PROXIES = {
    "nginx": ProxyProgram("nginx", "nginx.conf", "/etc/nginx/conf.d/peerage.conf", False, False, _NGINX),
    "caddy": ProxyProgram("caddy", "Caddyfile", "/etc/caddy/Caddyfile", True, True, _CADDY),
    "haproxy": ProxyProgram("haproxy", "haproxy.cfg", "/etc/haproxy/haproxy.cfg", False, True, _HAPROXY),
}
"""The proxies by name."""


def proxy_configuration(name: str, settings: "Settings") -> str:
    """Write the configuration of a proxy for a service with these settings. KeyError: no proxy has the name.

    The host is that of `public_url`, an example where there is none; the proxy runs on the same machine and names the
    client in X-Forwarded-For.
    """
    text = PROXIES[name].template
    for mark, value in _values(settings).items():
        text = text.replace(f"@{mark}@", value)
    return text


def _values(settings: "Settings") -> dict[str, str]:
    url = urlsplit(settings.public_url or f"https://{_EXAMPLE}")
    largest = settings.cache.max_torrent_size * 4 // 3 + _MIB
    body = -(-largest // _BODY_STEP) * _BODY_STEP
    http = settings.http
    return {
        "HOST": url.hostname or _EXAMPLE,
        "UPSTREAM": str(upstream(settings.listen)),
        "ROOT": url.path,
        "MATCH": f"{url.path}/* " if url.path else "",
        "ROUTE": f"use_backend peerage if {{ path_beg {url.path}/ }}"
        if url.path
        else "default_backend peerage",
        "BODY_MIB": str(body // _MIB),
        "BODY_BYTES": str(body),
        "HEADER": f"{http.header_timeout:g}",
        "BODY": f"{http.body_timeout:g}",
        "KEEP": str(max(1, http.keep_alive - _KEPT_LESS)),
        "CONNECTIONS": str(max(1, http.max_connections * 4 // 5)),
    }


def upstream(listen: "Sequence[ListenAddress]") -> ListenAddress:
    """Return the address at which a proxy on the same machine reaches the service, loopback where it listens there."""
    own = [each for each in listen if is_loopback(each.host) or each.host in _EVERYWHERE]
    chosen = next((each for each in own if not each.is_v6), own[0] if own else listen[0])
    return ListenAddress(_EVERYWHERE.get(chosen.host, chosen.host), chosen.port)
