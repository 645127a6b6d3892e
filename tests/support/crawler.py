"""A crawler that follows every link of a site below a root path, and says what leads out of it or nowhere."""

import re
from collections import deque
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit

import httpx

from tests.web.site import Parsed

LINKS = ("href", "src", "action", "poster", "data", "cite", "background")
MOST_PAGES = 600
# What a page says of addresses below a scheme is taken for one up to what cannot stand in a URL.
ENDS = r"[^\s\"'<>\\{}\u2026]*"


@dataclass
class Crawl:
    """What a visitor finds who starts at `base`, a URL without a slash at its end, and follows everything."""

    client: httpx.AsyncClient
    base: str
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    posts: set[str] = field(default_factory=set)
    """Where forms are sent to."""
    faults: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The scheme and host that the site shares with others."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    async def run(self, *starts: str) -> "Crawl":
        """Follow everything from `/` and from more paths below the root."""
        waiting = deque(self.base + path for path in ("/", *starts))
        while waiting:
            url = waiting.popleft()
            if url in self.answers:
                continue
            assert len(self.answers) < MOST_PAGES, "the site has no end"
            answer = self.answers[url] = await self.client.get(url)
            if answer.status_code in {404, 405} or answer.status_code >= 500:
                self.faults.append(f"{url} is answered {answer.status_code}")
            waiting.extend(self._found(url, answer))
        return self

    def _found(self, url: str, answer: httpx.Response) -> list[str]:
        """Everything that an answer leads to on this host."""
        for cookie in answer.headers.get_list("set-cookie"):
            if f"path={urlsplit(self.base).path}/;" not in f"{cookie};".lower():
                self.faults.append(f"{url} sets a cookie for elsewhere: {cookie}")
        kind = answer.headers.get("content-type", "")
        found = [answer.headers["location"]] if "location" in answer.headers else []
        if kind.startswith("text/html"):
            found += self._of_page(url, answer.text)
        if kind.startswith("text/css"):
            found += [name.strip("\"'") for name in re.findall(r"url\(([^)]*)\)", answer.text)]
        if not kind.startswith(("application/x-bittorrent", "text/css")):
            # What is named as text is no link, and may be a pattern; but it must be below the root too.
            self._here(url, re.findall(re.escape(self.host) + ENDS, unescape(answer.text)))
        return self._here(url, found)

    def _of_page(self, url: str, text: str) -> list[str]:
        """The links of a page, and where its GET forms lead as they stand."""
        page, found = Parsed(text), []
        forms = iter(page.forms)
        for tag, given in page.tags:
            if sent := given.get("formaction"):  # every such button is one of a POST form
                self.posts.update(self._here(url, [sent]))
            form = next(forms) if tag == "form" else None
            if form is not None and given.get("method", "get") == "post":
                self.posts.update(self._here(url, [form.action or url]))
            elif form is not None:
                found.append(f"{form.action}?{urlencode(form.fields)}")
            else:
                found += [value for name in LINKS if (value := given.get(name))]
        return found

    def _here(self, url: str, links: list[str]) -> list[str]:
        """The links of this host as URLs, each checked to be below the root; a magnet link stands for its trackers."""
        here = []
        for link in links:
            trackers = [value for name, value in parse_qsl(urlsplit(link).query) if name == "tr"]
            for each in trackers if link.startswith("magnet:") else [link]:
                absolute = urldefrag(urljoin(url, each)).url
                if absolute != self.host and not absolute.startswith(f"{self.host}/"):
                    continue
                if absolute.startswith(f"{self.base}/"):
                    here.append(absolute)
                else:
                    self.faults.append(f"{url} leads to {link}")
        return [each for each in here if not each.startswith(f"{self.base}/announce")]
