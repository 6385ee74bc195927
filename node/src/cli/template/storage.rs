//! What is served: a file system of EFS that all nodes mount, with the users file beside the homes.

use serde_json::json;

use super::Fleet;
use super::document::{Document, attribute, reference};

/// Adds it. It stays when the stack goes: it holds what users have brought.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    document.resource_with(
        "Files",
        "AWS::EFS::FileSystem",
        json!({
            "Encrypted": true,
            "PerformanceMode": "generalPurpose",
            "ThroughputMode": "elastic",
            "FileSystemTags": document.tags(),
        }),
        json!({ "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain" }),
    );
    for zone in fleet.zones() {
        document.resource(
            &target(zone),
            "AWS::EFS::MountTarget",
            json!({
                "FileSystemId": reference("Files"),
                "SubnetId": reference(&super::subnet(zone)),
                "SecurityGroups": [attribute("FilesGroup", "GroupId")],
            }),
        );
    }
    document.output("Files", "File system with the homes and the users file.", reference("Files"));
}

/// Without the one of its zone a node can not mount it.
pub(super) fn targets(fleet: &Fleet) -> Vec<String> {
    fleet.zones().map(target).collect()
}

fn target(zone: u8) -> String {
    format!("FilesTarget{zone}")
}
