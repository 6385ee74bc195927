//! The machines: what each instance is.

use serde_json::json;

use super::document::{Document, attribute, reference, sub};
use super::{Fleet, start};

/// Adds their launch template.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    document.parameter(
        "InstanceType",
        "String",
        Some(json!("t3.small")),
        "Type of the instances; its processors are those that Image and Program are for.",
    );
    document.parameter(
        "Image",
        "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
        Some(json!(IMAGE)),
        "Parameter of Systems Manager with the image: Amazon Linux 2023, or one that has systemd, dnf, the AWS CLI and cfn-signal.",
    );
    document.limited(
        "Program",
        "String",
        None,
        "Where the program flotilla is: s3://BUCKET/KEY or an https URL.",
        json!({ "AllowedPattern": "(s3|https)://[A-Za-z0-9._~%/?&=:@+-]+" }),
    );
    document.limited(
        "ProgramSha256",
        "String",
        None,
        "Its SHA-256, in hexadecimal.",
        json!({ "AllowedPattern": "[0-9a-f]{64}" }),
    );
    document.resource(
        "Machine",
        "AWS::EC2::LaunchTemplate",
        json!({
            "LaunchTemplateData": {
                "ImageId": reference("Image"),
                "InstanceType": reference("InstanceType"),
                "IamInstanceProfile": { "Arn": attribute("Profile", "Arn") },
                // Version 2 only, and no further than the instance itself.
                "MetadataOptions": {
                    "HttpEndpoint": "enabled",
                    "HttpTokens": "required",
                    "HttpPutResponseHopLimit": 1,
                },
                "NetworkInterfaces": [{
                    "DeviceIndex": 0,
                    "AssociatePublicIpAddress": fleet.public(),
                    "DeleteOnTermination": true,
                    "Groups": [attribute("NodeGroup", "GroupId")],
                }],
                "TagSpecifications": [
                    { "ResourceType": "instance", "Tags": document.tags() },
                    { "ResourceType": "volume", "Tags": document.tags() },
                ],
                "UserData": { "Fn::Base64": sub(&start::script(fleet)) },
            },
        }),
    );
}

/// The newest Amazon Linux 2023 ("Launch instances using Systems Manager parameters").
const IMAGE: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
