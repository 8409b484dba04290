"""DynamoDB and the other AWS stores: the only room that knows boto3 and pynamodb."""
