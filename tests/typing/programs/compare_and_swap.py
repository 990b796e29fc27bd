"""Change an item only if nobody else has."""

from persidict import ETAG_IS_THE_SAME, FileDirDict

store = FileDirDict("data")
etag = store.etag("a")
done = store.set_item_if("a", value={"n": 1}, condition=ETAG_IS_THE_SAME, expected_etag=etag)
if not done.condition_was_satisfied:
    print("somebody else was faster:", done.actual_etag)
store.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag=done.resulting_etag)
