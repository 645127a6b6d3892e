from collections.abc import Callable

from tests.support.clients import announce
from tests.support.processes import PeerageProcess, wait_until

HASHES = [bytes([high, low]) * 10 for high in range(40) for low in range(5)]


def test_a_damaged_journal_stops_the_service_and_says_which_file_it_is(
    start_peerage: Callable[..., PeerageProcess],
):
    service = start_peerage()
    for infohash in HASHES:
        announce(service.port, infohash)
    service.stop()
    journal = service.data / "swarms.db"
    data = bytearray(journal.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    journal.write_bytes(data)

    process = service.launch()
    wait_until(lambda: process.poll() is not None, lambda: service.output)

    assert process.returncode == 1
    assert f"{journal} is damaged" in service.output
    assert "Traceback" not in service.output
    journal.unlink()
    service.restart()
    assert announce(service.port, HASHES[0])[b"incomplete"] == 1
