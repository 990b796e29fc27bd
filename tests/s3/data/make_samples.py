"""Writes the samples beside it with the published persidict, against moto in memory.

Run it in an environment with ``persidict[aws]==0.309.0`` and ``moto[s3]``.
"""

import os
from pathlib import Path

from moto import mock_aws

SAMPLES = {
    ("plain",): {"loss": 0.25, "steps": [1, 2, 3], "name": "Zoë"},
    ("nested", "deeper", "leaf"): (1, {"two"}, None),
    ("big",): {"text": "lorem ipsum " * 200, "numbers": list(range(300))},
}


@mock_aws
def main():
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    import boto3

    from persidict import BasicS3Dict

    for serialization_format in ("pkl", "json"):
        d = BasicS3Dict(
            bucket_name="samples", root_prefix="root", serialization_format=serialization_format
        )
        for key, value in SAMPLES.items():
            d[key] = value
    client = boto3.client("s3")
    target = Path(__file__).parent / "bucket"
    for entry in client.list_objects_v2(Bucket="samples")["Contents"]:
        body = client.get_object(Bucket="samples", Key=entry["Key"])["Body"].read()
        path = target / entry["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


if __name__ == "__main__":
    main()
