"""Build keys from strings, tuples, lists and other keys."""

from persidict import LocalDict, NonEmptySafeStrTuple, SafeStrTuple, encode_key_component

store = LocalDict()
prefix = SafeStrTuple("runs", "2026")
key = NonEmptySafeStrTuple(prefix, encode_key_component("a b/c"))
store[key] = 1
store["a"] = store["a", "b"] = store[["a", "c"]] = store[("a", ("d", "e"))] = 2
print(store[key], key in store, key[0].upper(), [k[-1] for k in store])
