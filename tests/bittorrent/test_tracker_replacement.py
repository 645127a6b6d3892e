import bencodepy
import pytest

from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from bittorrent.tracker_replacement import replace_trackers
from tests.support.torrents import hybrid_torrent, v1_torrent, v2_torrent

OURS = "https://peerage.test/announce"


@pytest.mark.parametrize("make", [v1_torrent, v2_torrent, hybrid_torrent])
def test_info_and_layers_stay_and_every_address_goes(make):
    data = make(
        announce="http://there.test/secret/announce",
        **{
            "announce-list": [["http://there.test/secret/announce"]],
            "url-list": ["http://secret:word@there.test/"],
            "comment": "http://there.test/?key=secret",
            "source": "secret",
            "nodes": [["there.test", 6881]],
            "creation date": 7,
        },
    )
    replaced = replace_trackers(data, OURS)
    before, after = Metainfo.parse(data), Metainfo.parse(replaced)
    assert (after.info, after.infohashes) == (before.info, before.infohashes)
    assert after.trackers == ((OURS,),)
    assert (after.web_seeds, after.comment, after.created) == ((), "", 7)
    assert b"secret" not in replaced
    assert bencodepy.decode(replaced).get(b"piece layers") == bencodepy.decode(data).get(b"piece layers")
    assert after.canonical


def test_an_info_out_of_order_stays_byte_for_byte():
    info = b"d4:name1:x6:lengthi1e12:piece lengthi16384e6:pieces20:" + bytes(20) + b"e"
    data = b"d4:info" + info + b"8:announce3:oute"
    assert replace_trackers(data, OURS) == b"d8:announce29:" + OURS.encode() + b"4:info" + info + b"e"


@pytest.mark.parametrize("data", [b"", b"d", b"d4:infode4:infodee", b"i1e2"])
def test_what_cannot_be_read_is_refused(data):
    with pytest.raises(Refusal):
        replace_trackers(data, OURS)
