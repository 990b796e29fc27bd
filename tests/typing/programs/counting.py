"""Count from several processes."""

from persidict import ITEM_NOT_AVAILABLE, FileDirDict, ItemNotAvailableFlag

counts = FileDirDict("counts", base_class_for_values=int)


def increased(n: int | ItemNotAvailableFlag) -> int:
    return 1 if n is ITEM_NOT_AVAILABLE else n + 1


result = counts.transform_item("visits", transformer=increased)
if result.new_value is not ITEM_NOT_AVAILABLE:
    print(result.new_value + 1)


def next_number(n: int) -> int:
    return n + 1


counts.transform_item("visits", transformer=next_number, default=0)
counts.transform_item("visits", transformer=lambda n: n + 1, default=0)
