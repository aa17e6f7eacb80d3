"""boto3 before a store that fails in every way (Tests/Fabric/faulty_store.py), through the fabric."""

import json
import time
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, IncompleteReadError, ResponseStreamingError


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # One try: what is tried again, the fabric tries.
        cls.s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))

    def requests(self, key):
        """What the store has seen of a key."""
        log = json.loads(self.s3.get_object(Bucket="photos", Key="log")["Body"].read())
        return [one for one in log if one["path"] == f"/photos/{key}"]

    def code(self, call, *arguments, **fields):
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **fields)
        return caught.exception.response["Error"]["Code"]

    def test_a_transient_error_is_tried_again(self):
        self.assertEqual(self.s3.get_object(Bucket="photos", Key="fail-2-503")["Body"].read(), b"well")
        self.assertEqual(len(self.requests("fail-2-503")), 3)
        self.s3.put_object(Bucket="photos", Key="fail-1-500", Body=b"body")
        self.assertEqual([one["body"] for one in self.requests("fail-1-500")], ["body"] * 2)

    def test_there_are_three_tries(self):
        self.assertEqual(self.code(self.s3.get_object, Bucket="photos", Key="fail-9-503-more"), "SlowDown")
        self.assertEqual(len(self.requests("fail-9-503-more")), 3)

    def test_what_could_happen_twice_is_tried_once(self):
        self.code(self.s3.put_object, Bucket="photos", Key="fail-1-503-condition", Body=b"b", IfNoneMatch="*")
        self.assertEqual(len(self.requests("fail-1-503-condition")), 1)
        self.code(self.s3.create_multipart_upload, Bucket="photos", Key="fail-1-503-upload")
        self.assertEqual(len(self.requests("fail-1-503-upload")), 1)
        self.code(self.s3.put_object, Bucket="photos", Key="fail-1-503-big", Body=b"b" * 1_000_000)
        self.assertEqual(len(self.requests("fail-1-503-big")), 1)

    def test_an_error_of_the_callers_is_passed_on(self):
        self.assertEqual(self.code(self.s3.get_object, Bucket="photos", Key="fail-9-403"), "SlowDown")
        self.assertEqual(len(self.requests("fail-9-403")), 1)

    def test_a_redirect_is_not_followed(self):
        self.code(self.s3.get_object, Bucket="photos", Key="redirect")
        self.assertEqual(self.requests("redirected"), [])

    def test_a_store_that_closes_is_unavailable(self):
        self.assertEqual(self.code(self.s3.get_object, Bucket="photos", Key="close"), "ServiceUnavailable")

    def test_a_store_that_is_silent_is_waited_for_as_long_as_the_policy_says(self):
        begun = time.monotonic()
        self.assertEqual(self.code(self.s3.put_object, Bucket="photos", Key="silent", Body=b"b" * 100_000), "ServiceUnavailable")
        self.assertLess(time.monotonic() - begun, 30)

    def test_an_answer_that_breaks_off_is_seen_to(self):
        body = self.s3.get_object(Bucket="photos", Key="half")["Body"]
        with self.assertRaises((IncompleteReadError, ResponseStreamingError, ConnectionClosedError)):
            body.read()

    def test_the_store_sees_what_the_fabric_says_and_nothing_else(self):
        self.s3.put_object(Bucket="photos", Key="headers", Body=b"b", Metadata={"a": "b"})
        headers = self.requests("headers")[0]["headers"]
        self.assertIn("Credential=AKIAREALKEY/", headers["authorization"])
        self.assertNotIn("CZFABRIC", json.dumps(headers))
        self.assertEqual(headers["x-amz-meta-a"], "b")
        self.assertNotIn("expect", headers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
