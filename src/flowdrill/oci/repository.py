"""One repository of a registry: its manifests, blobs and tags, through the OCI distribution API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from flowdrill.errors import ContentDamagedError, RegistryError
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.client import Answer, RegistryClient, Request
from flowdrill.oci.digest import check_digest, digest_of, hash_for, is_digest
from flowdrill.oci.manifests import ACCEPTED, Descriptor, Index, Manifest, choose_platform, parse_manifest

_NEXT_PAGE = re.compile(r"<([^>]*)>\s*;[^,]*\brel=\"?next\"?")
_LONGEST_LINK = 4096  # characters; the pattern is not linear in them
_MOST_PAGES = 1000
_GONE_OR_GOING = (200, 202, 204, 404)


class Repository:
    """`registry/name`. Whatever it receives is checked against its digest before it is used."""

    def __init__(self, client: RegistryClient, name: str) -> None:
        self.client = client
        self.name = name
        self.where = f"{client.host}/{name}"

    def manifest(self, reference: str) -> Manifest | Index:
        """Return the manifest or index at a tag or digest; ImageMissingError when there is none."""
        what = self._named(reference)
        answer = self.client.fetch(self._request("GET", f"manifests/{reference}", what, accept=True))
        said = answer.headers.get("Docker-Content-Digest", "")
        wanted = reference if is_digest(reference) else said if is_digest(said) else None
        digest = wanted or digest_of(answer.body)
        check_digest(digest_of(answer.body, digest.partition(":")[0]), digest, what)
        return parse_manifest(answer.body, answer.headers.get("Content-Type", ""), digest, what)

    def platform_manifest(self, found: Manifest | Index, platform: str | None) -> Manifest:
        """Return `found`, or the manifest of one platform when it is an index (see `choose_platform`)."""
        if isinstance(found, Manifest):
            return found
        chosen = self.manifest(choose_platform(found, platform, self._named(found.digest)).digest)
        if isinstance(chosen, Index):
            raise RegistryError(f"{self._named(found.digest)}: an index within an index", "Push a plain index.")
        return chosen

    def has_manifest(self, reference: str) -> bool:
        """Return whether a tag or digest is there."""
        request = self._request("HEAD", f"manifests/{reference}", self._named(reference), accept=True)
        return self.client.fetch(request, accepted=(200, 404)).status == 200

    def current_digest(self, reference: str) -> str | None:
        """Return the digest that a tag or digest names now, None when there is none. A registry that does not say it in
        the header is asked for the document."""
        request = self._request("HEAD", f"manifests/{reference}", self._named(reference), accept=True)
        answer = self.client.fetch(request, accepted=(200, 404))
        if answer.status == 404:
            return None
        said = answer.headers.get("Docker-Content-Digest", "")
        if is_digest(said) and (said == reference or not is_digest(reference)):
            return said
        return self.manifest(reference).digest

    def put_manifest(self, document: bytes, media_type: str, reference: str) -> str | None:
        """Push a manifest to a tag or digest. Its blobs must be there already. Return the subject that the registry has
        taken note of: where it says none, it has no referrers API."""
        headers = {"Content-Type": media_type}
        request = self._request("PUT", f"manifests/{reference}", self._named(reference), "pull,push", headers=headers)
        return self.client.fetch(_with_body(request, document), accepted=(200, 201, 202)).headers.get("OCI-Subject")

    def delete_manifest(self, reference: str) -> None:
        """Delete a manifest (by digest, its tags with it) or only a tag. Harmless when it is gone already."""
        request = self._request("DELETE", f"manifests/{reference}", self._named(reference), "pull,delete")
        self.client.fetch(request, accepted=_GONE_OR_GOING)

    def blob_size(self, digest: str) -> int | None:
        """Return a blob's size in bytes, -1 when the registry does not say, None when there is no such blob."""
        answer = self.client.fetch(self._request("HEAD", f"blobs/{digest}", self._blob(digest)), accepted=(200, 404))
        length = answer.headers.get("Content-Length", "")
        return None if answer.status == 404 else int(length) if length.isascii() and length.isdigit() else -1

    def blob_pieces(self, blob: Descriptor) -> Iterator[bytes]:
        """Yield a blob in pieces. Only when the last one was taken is its digest known to be right; RegistryError then
        when it is not."""
        what, found, size = self._blob(blob.digest), hash_for(blob.digest), 0
        with self.client.open(self._request("GET", f"blobs/{blob.digest}", what)) as response:
            for piece in self.client.read(response, what, blob.size + 1):
                found.update(piece)
                size += len(piece)
                yield piece
        if size > blob.size:
            raise ContentDamagedError(
                f"{what}: is larger than the {blob.size} bytes it should have", "Push the image again."
            )
        check_digest(f"{blob.digest.partition(':')[0]}:{found.hexdigest()}", blob.digest, what)

    def small_blob(self, blob: Descriptor, limit: int) -> bytes:
        """Return a blob of at most `limit` bytes."""
        if blob.size > limit:
            raise RegistryError(
                f"{self._blob(blob.digest)}: {blob.size} bytes, more than the {limit} that are read at once",
                "Check that the reference names a container image.",
            )
        return b"".join(self.blob_pieces(blob))

    def push_blob(self, content: bytes) -> int:
        """Upload a blob unless it is there; return the number of bytes sent."""
        digest = digest_of(content)
        if self.blob_size(digest) is not None:
            return 0
        location = self._begin_upload({}, digest)
        if location is not None:
            self._finish_upload(location, digest, content, len(content))
        return len(content)

    def push_file(self, path: Path, blob: Descriptor) -> int:
        """Upload a file of this machine unless it is there; return the number of bytes sent. OSError when it cannot be
        read."""
        if self.blob_size(blob.digest) is not None:
            return 0
        location = self._begin_upload({}, blob.digest)
        if location is not None:
            self._finish_upload(location, blob.digest, _pieces_of(path), blob.size)
        return blob.size

    def take_blob(self, blob: Descriptor, source: Repository) -> int:
        """Bring a blob here from another repository: mounted within one registry, else copied through this machine.
        Return the number of bytes sent."""
        if self.blob_size(blob.digest) is not None:
            return 0
        same_registry = source.client.host == self.client.host
        mount = {"mount": blob.digest, "from": source.name} if same_registry else {}
        location = self._begin_upload(mount, blob.digest, source.name if same_registry else None)
        if location is None:
            return 0
        self._finish_upload(location, blob.digest, source.blob_pieces(blob), blob.size)
        return blob.size

    def delete_blob(self, digest: str) -> None:
        """Delete a blob. Harmless when it is gone already."""
        request = self._request("DELETE", f"blobs/{digest}", self._blob(digest), "pull,delete")
        self.client.fetch(request, accepted=_GONE_OR_GOING)

    def tags(self) -> tuple[str, ...]:
        """Return every tag, all pages of them, in the registry's order."""
        tags: list[str] = []
        page = "tags/list?n=1000"
        what = f"{self.where}: its list of tags"
        for _ in range(_MOST_PAGES):
            answer = self.client.fetch(self._request("GET", page, what))
            try:
                listed = parsed_json(answer.body).get("tags") or []
                tags.extend(str(tag) for tag in listed)
            except (ValueError, AttributeError, TypeError) as error:
                raise RegistryError(f"{what} is not the JSON the specification asks for", "Check the host.") from error
            following = self.next_page(answer, what)
            if following is None:
                return tuple(tags)
            page = following
        raise RegistryError(f"{what} does not end after {_MOST_PAGES} pages", "Ask the registry's operator.")

    def page(self, path: str, what: str, accepted: tuple[int, ...] = (200,)) -> Answer:
        """Return a page of a list; `path`: below the repository's own, or what `next_page` gave."""
        return self.client.fetch(self._request("GET", path, what), accepted)

    def next_page(self, answer: Answer, what: str) -> str | None:
        """Return where a list goes on; None at its end, RegistryError where that is another server."""
        following = _NEXT_PAGE.search(answer.headers.get("Link", "")[:_LONGEST_LINK])
        if following is None:
            return None
        page = self.client.absolute(following[1])
        if not self.client.is_own(page):
            raise RegistryError(f"{what} goes on at another server: {page[:200]!r}", "Check the host.")
        return page

    def _begin_upload(self, query: dict[str, str], digest: str, source: str | None = None) -> str | None:
        """Return where to put the content, or None when the blob was mounted."""
        path = f"blobs/uploads/{'?' + urlencode(query) if query else ''}"
        more = (f"repository:{source}:pull",) if source and source != self.name else ()
        request = self._request("POST", path, self._blob(digest), "pull,push", more_scopes=more)
        answer = self.client.fetch(_with_body(request, b""), accepted=(201, 202))
        if answer.status == 201:
            return None
        location = answer.headers.get("Location")
        if not location:
            raise RegistryError(f"{self._blob(digest)}: the registry says not where to upload it", "Try again.")
        return self.client.absolute(location)

    def _finish_upload(self, location: str, digest: str, content: bytes | Iterable[bytes], size: int) -> None:
        url = f"{location}{'&' if '?' in location else '?'}digest={quote(digest)}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        request = self._request("PUT", url, self._blob(digest), "pull,push", headers=headers)
        self.client.fetch(_with_body(request, content), accepted=(201, 204))

    def _request(
        self, method: str, path: str, what: str, actions: str = "pull", *,
        headers: dict[str, str] | None = None, accept: bool = False, more_scopes: tuple[str, ...] = (),
    ) -> Request:  # fmt: skip
        path = path if "://" in path else f"/v2/{self.name}/{path}"
        headers = {"Accept": ", ".join(ACCEPTED)} if accept else headers
        return Request(method, path, what, (f"repository:{self.name}:{actions}", *more_scopes), headers)

    def _named(self, reference: str) -> str:
        return f"{self.where}{'@' if is_digest(reference) else ':'}{reference}"

    def _blob(self, digest: str) -> str:
        return f"blob {digest} of {self.where}"


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            yield piece


def _with_body(request: Request, body: bytes | Iterable[bytes]) -> Request:
    return Request(request.method, request.path, request.what, request.scopes, request.headers, body)
