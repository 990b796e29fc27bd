"""The least permissions in the guide to S3 are those of the requests that are made."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "s3-servers.md"
SOURCES = ROOT / "packages" / "persidict-s3" / "src" / "persidict" / "s3"

# By AWS's "Actions, resources, and condition keys for Amazon S3".
PERMISSION = {
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "complete_multipart_upload": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "create_bucket": "s3:CreateBucket",
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "get_object": "s3:GetObject",
    "head_bucket": "s3:ListBucket",
    "head_object": "s3:GetObject",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
}
ON_BUCKETS = {"s3:ListBucket"}


def requests_made():
    calls = re.compile(
        r"\b_?client\.((?:abort|complete|create|delete|get|head|list|put|upload)_[a-z_0-9]+)\b"
    )
    return {
        name
        for path in SOURCES.glob("*.py")
        for name in calls.findall(path.read_text(encoding="utf-8"))
    }


def statements():
    text = GUIDE.read_text(encoding="utf-8")
    policy = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    return policy["Statement"]


def actions_of(statement):
    actions = statement["Action"]
    return {actions} if isinstance(actions, str) else set(actions)


def test_the_policy_permits_exactly_the_requests_that_are_made():
    needed = {PERMISSION[request] for request in requests_made()}
    assert "s3:CreateBucket" in needed, "which the text explains and the policy leaves out"
    permitted = set().union(*map(actions_of, statements()))
    assert permitted == needed - {"s3:CreateBucket"}


def test_actions_are_permitted_on_what_they_are_about():
    for statement in statements():
        is_about_objects = statement["Resource"].endswith("/*")
        for action in actions_of(statement):
            assert (action in ON_BUCKETS) is not is_about_objects
