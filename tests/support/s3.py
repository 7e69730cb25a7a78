"""A server that speaks S3 and judges every signature, for the tests of the object store: moto's, with one user, who may
do everything, one who may only read, and one bucket. It says where it is and who they are, and ends with its input."""

import json
import os
import sys

# What prepares it is not asked for a signature; everything after is.
STEPS = 7
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(STEPS)

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
endpoint = f"http://127.0.0.1:{port}"
anybody = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "a"}
iam = boto3.client("iam", **anybody)


def user(name, actions):
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return [key["AccessKeyId"], key["SecretAccessKey"]]


said = [endpoint, *user("writer", ["s3:*"]), *user("reader", ["s3:GetObject", "s3:ListBucket"])]
boto3.client("s3", **anybody).create_bucket(Bucket="longhaul")
print(" ".join(said), flush=True)
sys.stdin.read()
os._exit(0)
