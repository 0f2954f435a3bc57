"""What the benchmarks of images count and compute."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

from image_stage.counting_proxy import CountingProxy
from retained_images import Round, measures_of


def test_the_proxy_counts_what_goes_both_ways() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, closing(CountingProxy(server.getsockname()[1])) as proxy:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100) * 3)

        thread = threading.Thread(target=answer)
        thread.start()
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(b"four")
            client.shutdown(socket.SHUT_WR)
            answered = b"".join(iter(lambda: client.recv(100), b""))
        thread.join()
    assert answered == b"four" * 3
    assert proxy.bytes == 16


def test_a_ratio_is_of_what_was_measured_in_the_same_round() -> None:
    rounds = [Round(2, 1, 50, {8: 20, 32: 10}), Round(4, 1, 51, {8: 80, 32: 10}), Round(1, 1, 52, {8: 30, 32: 10})]
    found = {one.name: one for one in measures_of("here", rounds)}
    assert found["as fast as skopeo x 8"].values == (10, 20, 30)
    assert found["as fast as skopeo x 8"].goal is not None
    assert found["as fast as skopeo x 32"].values == (5, 2.5, 10)
    assert found["as fast as skopeo x 32"].goal is None


def test_without_skopeo_flowdrill_is_told_alone() -> None:
    assert all("skopeo" not in one.name for one in measures_of("here", [Round(2, 1, 50, {})]))
