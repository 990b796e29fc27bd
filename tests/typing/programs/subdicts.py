"""Divide a store by the first components of its keys."""

from persidict import FileDirDict, NonEmptySafeStrTuple

store = FileDirDict("data")
users = store.get_subdict("users")
users["alice"] = {"age": 5}
for name, part in store.subdicts().items():
    print(name, len(part), part.base_dir)
newest: list[NonEmptySafeStrTuple] = store.newest_keys(3)
print(["/".join(key) for key in newest], store.random_key())
