"""Write one item to a bucket."""

from persidict import BasicS3Dict, S3Dict

S3Dict(bucket_name="bucket", base_dir="cache")["x"] = 1
store = BasicS3Dict("bucket", region="eu-west-1", root_prefix="runs/")
store["a", "b"] = [1, 2]
print(store["a", "b"][0], "c" in store, len(store))
