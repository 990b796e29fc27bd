"""Keep results in a directory, without a single annotation."""

from persidict import FileDirDict

results = FileDirDict(base_dir="results")
results["run", "1"] = {"loss": 0.1, "steps": [1, 2, 3]}
print(results["run", "1"]["loss"])
for key, value in results.items():
    print(key[0], value)
