//! Changes in the words of people, the AWS CLI and Terraform.

use super::*;

fn steps(wants: &[Want]) -> Vec<crate::aws::Step> {
    plan(&bare(), &scope(), wants).changes.iter().map(Change::step).collect()
}

#[test]
fn commands_are_those_of_the_aws_cli() {
    let wants = [want(Kind::Pool, 2120, 2120, Origin::Nodes)];
    let commands = steps(&wants).iter().map(|step| step.command.join(" ")).collect::<Vec<_>>();
    assert_eq!(
        commands,
        [
            "aws ec2 create-security-group --group-name flotilla-main-pool --vpc-id vpc-1 \
             --description Pool main of Flotilla: relays between the nodes and their health checks \
             --tag-specifications ResourceType=security-group,Tags=[{Key=flotilla:pool,Value=main},\
             {Key=flotilla:group,Value=pool}]",
            "aws ec2 revoke-security-group-egress --group-id ID-OF-flotilla-main-pool \
             --ip-permissions IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]",
            "aws ec2 authorize-security-group-ingress --group-id ID-OF-flotilla-main-pool \
             --ip-permissions IpProtocol=tcp,FromPort=2120,ToPort=2120,UserIdGroupPairs=[{\
             GroupId=ID-OF-flotilla-main-pool,Description=pool: a test wants it}] \
             --tag-specifications ResourceType=security-group-rule,Tags=[{Key=flotilla:pool,Value=main}]",
            "aws ec2 modify-network-interface-attribute --network-interface-id eni-1 \
             --groups sg-0 ID-OF-flotilla-main-pool",
        ]
    );
    let actions = steps(&wants).iter().map(|step| step.action).collect::<Vec<_>>();
    assert_eq!(
        actions,
        [
            "ec2:CreateSecurityGroup",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:ModifyNetworkInterfaceAttribute",
        ]
    );
}

#[test]
fn resources_are_those_of_terraform() {
    let wants = [want(Kind::Ftp, 61_000, 61_999, anyone())];
    let resources = steps(&wants).into_iter().filter_map(|step| step.terraform).collect::<String>();
    for words in [
        "resource \"aws_security_group\" \"flotilla_main_ftp\" {\n",
        "resource \"aws_vpc_security_group_ingress_rule\" \
         \"flotilla_main_ftp_tcp_61000_61999_from_0_0_0_0_0\" {\n  \
         security_group_id = aws_security_group.flotilla_main_ftp.id\n",
        "  cidr_ipv4         = \"0.0.0.0/0\"\n",
        "resource \"aws_network_interface_sg_attachment\" \"eni_1_flotilla_main_ftp\" {\n",
    ] {
        assert!(resources.contains(words), "{words}\n{resources}");
    }
}

#[test]
fn descriptions_are_what_aws_takes() {
    let mut wants = passive();
    wants[0].why = format!("{{a, b}} [c] \"d\" \u{e9} <e> {}", "long ".repeat(80));
    let plan = plan(&bare(), &scope(), &wants);
    let added = plan.changes.iter().find_map(|change| match change {
        Change::Add(add) => Some(add.description.clone()),
        _ => None,
    });
    let added = added.unwrap();
    assert!(added.starts_with("ftp: a b c d e long long"), "{added}");
    assert!((250..=255).contains(&added.len()), "{}", added.len());
}
