"""boto3 as anybody uses it, with what the fabric has put into the environment: asked of a store behind the fabric."""

import concurrent.futures
import hashlib
import io
import os
import unittest

import boto3
from botocore.exceptions import ClientError

BIG = int(os.environ.get("FABRIC_TEST_MEGABYTES", "100")) << 20
PIECE = os.urandom(1 << 20)


class Pattern(io.RawIOBase):
    """A file of many bytes that needs no memory for them."""

    def __init__(self, size):
        self.size, self.place = size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.place

    def seek(self, offset, whence=0):
        self.place = offset + (0, self.place, self.size)[whence]
        return self.place

    def read(self, count=-1):
        left = self.size - self.place
        count = left if count is None or count < 0 else min(count, left)
        start = self.place % len(PIECE)
        self.place += count
        whole = PIECE[start:] + PIECE * (count // len(PIECE) + 1)
        return whole[:count]

    def digest(self):
        digest = hashlib.sha256()
        self.seek(0)
        while piece := self.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()


class Store(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s3 = boto3.client("s3")
        cls.s3.create_bucket(
            Bucket="photos", CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})

    def test_the_environment_has_a_placeholder_and_nothing_else(self):
        self.assertEqual(os.environ["AWS_ACCESS_KEY_ID"], "CZFABRICPLACEHOLDER0")
        self.assertTrue(os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:"))

    def test_put_get_head_delete(self):
        for key in ["a", "directory/b c", "é=+&?#%/ü", "x" * 900]:
            self.s3.put_object(Bucket="photos", Key=key, Body=b"hello", Metadata={"k": "v"}, ContentType="text/plain")
            answer = self.s3.get_object(Bucket="photos", Key=key)
            self.assertEqual((answer["Body"].read(), answer["Metadata"], answer["ContentType"]), (b"hello", {"k": "v"}, "text/plain"))
            self.assertEqual(self.s3.head_object(Bucket="photos", Key=key)["ContentLength"], 5)
            self.assertEqual(self.s3.get_object(Bucket="photos", Key=key, Range="bytes=1-3")["Body"].read(), b"ell")
            self.s3.delete_object(Bucket="photos", Key=key)
            with self.assertRaises(self.s3.exceptions.NoSuchKey):
                self.s3.get_object(Bucket="photos", Key=key)
            with self.assertRaises(ClientError) as caught:
                self.s3.head_object(Bucket="photos", Key=key)
            self.assertEqual(caught.exception.response["Error"]["Code"], "404")

    def test_an_empty_object_and_a_condition(self):
        self.s3.put_object(Bucket="photos", Key="empty", Body=b"")
        answer = self.s3.get_object(Bucket="photos", Key="empty")
        self.assertEqual(answer["Body"].read(), b"")
        with self.assertRaises(ClientError) as caught:
            self.s3.get_object(Bucket="photos", Key="empty", IfNoneMatch=answer["ETag"])
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 304)

    def test_lists_page_by_page(self):
        keys = [f"list/{number:03}" for number in range(25)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: self.s3.put_object(Bucket="photos", Key=key, Body=key.encode()), keys))
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket="photos", Prefix="list/", PaginationConfig={"PageSize": 10})
        self.assertEqual([one["Key"] for page in pages for one in page["Contents"]], keys)
        deleted = self.s3.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": key} for key in keys]})
        self.assertEqual(len(deleted["Deleted"]), 25)

    def test_a_copy(self):
        self.s3.put_object(Bucket="photos", Key="from", Body=b"copied")
        self.s3.copy_object(Bucket="photos", Key="to", CopySource={"Bucket": "photos", "Key": "from"})
        self.assertEqual(self.s3.get_object(Bucket="photos", Key="to")["Body"].read(), b"copied")
        with self.assertRaises(ClientError) as caught:
            self.s3.copy_object(Bucket="photos", Key="to", CopySource={"Bucket": "secret", "Key": "from"})
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDenied")

    def test_a_big_object_by_parts(self):
        body = Pattern(BIG)
        self._multipart(body)
        self._check_big("big-parts", body)

    def _multipart(self, body):
        upload = self.s3.create_multipart_upload(Bucket="photos", Key="big-parts")["UploadId"]
        size, parts = 8 << 20, []
        body.seek(0)
        for number in range(1, BIG // size + 2):
            piece = body.read(size)
            if not piece:
                break
            part = self.s3.upload_part(
                Bucket="photos", Key="big-parts", UploadId=upload, PartNumber=number, Body=piece)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self.s3.complete_multipart_upload(
            Bucket="photos", Key="big-parts", UploadId=upload, MultipartUpload={"Parts": parts})

    def test_a_big_object_in_one_piece(self):
        body = Pattern(BIG)
        self.s3.put_object(Bucket="photos", Key="big", Body=body, ContentLength=BIG)
        self._check_big("big", body)

    def _check_big(self, key, body):
        digest, count = hashlib.sha256(), 0
        for piece in self.s3.get_object(Bucket="photos", Key=key)["Body"].iter_chunks(1 << 20):
            digest.update(piece)
            count += len(piece)
        self.assertEqual((count, digest.hexdigest()), (BIG, body.digest()))
        self.s3.delete_object(Bucket="photos", Key=key)

    def test_a_body_that_is_not_read_to_its_end_disturbs_nobody(self):
        self.s3.put_object(Bucket="photos", Key="half", Body=PIECE * 4)
        for _ in range(4):
            self.s3.get_object(Bucket="photos", Key="half")["Body"].close()
        self.assertEqual(len(self.s3.get_object(Bucket="photos", Key="half")["Body"].read()), 4 << 20)

    def test_a_presigned_url_is_good_within_the_container(self):
        import urllib.request

        self.s3.put_object(Bucket="photos", Key="signed", Body=b"by url")
        url = self.s3.generate_presigned_url("get_object", {"Bucket": "photos", "Key": "signed"}, 60)
        self.assertEqual(urllib.request.urlopen(url).read(), b"by url")

    def test_what_the_policy_does_not_allow_is_denied(self):
        for call in [
            lambda: self.s3.get_object(Bucket="secret", Key="a"),
            lambda: self.s3.list_buckets(),
            lambda: boto3.client("s3", region_name="ap-south-1").get_object(Bucket="photos", Key="a"),
            lambda: self.s3.put_object(Bucket="secret", Key="a", Body=b"x" * 100_000),
        ]:
            with self.assertRaises(ClientError) as caught:
                call()
            self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDenied", str(caught.exception))
        for call in [boto3.client("sts").get_caller_identity, boto3.client("sts").get_session_token]:
            with self.assertRaises(ClientError) as caught:
                call()
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 403)
        own = boto3.client("s3", aws_access_key_id="AKIAOWN", aws_secret_access_key="own")
        with self.assertRaises(ClientError) as caught:
            own.get_object(Bucket="photos", Key="a")
        self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidAccessKeyId")


if __name__ == "__main__":
    unittest.main(verbosity=2)
