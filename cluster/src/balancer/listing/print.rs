//! Listeners as commands of the AWS CLI, and for Terraform.

use super::super::step::label;
use super::{Kind, Listing, Row};

impl Listing {
    /// Commands that make what is lacking, in this order, a word each. `ARN-OF-name` stands for what an earlier one
    /// answers.
    pub fn commands(&self) -> Vec<Vec<String>> {
        let lacking = self.rows.iter().filter(|row| !row.present);
        if self.want.kind == Kind::Classic {
            return lacking.map(|row| self.classic(row)).collect();
        }
        lacking.flat_map(|row| self.network(row)).collect()
    }

    fn classic(&self, row: &Row) -> Vec<String> {
        let listener = format!(
            "Protocol=TCP,LoadBalancerPort={},InstanceProtocol=TCP,InstancePort={}",
            row.port, row.target_port
        );
        words(
            "elb create-load-balancer-listeners --load-balancer-name",
            [self.balancer(), "--listeners", &listener],
        )
    }

    fn network(&self, row: &Row) -> Vec<Vec<String>> {
        let arn = format!("ARN-OF-{}", row.group);
        let tag = format!("Key=flotilla:pool,Value={}", self.want.pool);
        let (port, target_port) = (row.port.to_string(), row.target_port.to_string());
        let health = self.want.health.to_string();
        let kind = if by_address(row) { "ip" } else { "instance" };
        let mut commands = vec![
            words(
                "elbv2 create-target-group --protocol TCP --health-check-protocol TCP --name",
                [
                    row.group.as_str(),
                    "--port",
                    &target_port,
                    "--vpc-id",
                    self.vpc(),
                    "--target-type",
                    kind,
                    "--health-check-port",
                    &health,
                    "--tags",
                    &tag,
                ],
            ),
            words("elbv2 modify-target-group-attributes --target-group-arn", {
                let mut rest = vec![arn.clone(), "--attributes".to_owned()];
                rest.extend(
                    self.attributes().iter().map(|(key, value)| format!("Key={key},Value={value}")),
                );
                rest
            }),
        ];
        if !row.targets.is_empty() {
            commands.push(words("elbv2 register-targets --target-group-arn", {
                let mut rest = vec![arn.clone(), "--targets".to_owned()];
                rest.extend(row.targets.iter().map(|id| format!("Id={id}")));
                rest
            }));
        }
        let forward = format!("Type=forward,TargetGroupArn={arn}");
        commands.push(words(
            "elbv2 create-listener --protocol TCP --load-balancer-arn",
            [self.balancer(), "--port", &port, "--default-actions", &forward, "--tags", &tag],
        ));
        commands
    }

    /// All of it as resources of Terraform (provider hashicorp/aws), also what is there: it can be imported.
    pub fn terraform(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            if self.want.kind == Kind::Classic {
                text.push_str(&self.listener(row));
            } else {
                text.push_str(&self.resources(row));
            }
        }
        text
    }

    fn listener(&self, row: &Row) -> String {
        format!(
            "# in resource \"aws_elb\" \"{}\"\nlistener {{\n  lb_port           = {}\n  lb_protocol       = \"tcp\"\n  \
             instance_port     = {}\n  instance_protocol = \"tcp\"\n}}\n\n",
            label(self.balancer()),
            row.port,
            row.target_port
        )
    }

    fn resources(&self, row: &Row) -> String {
        let name = label(&row.group);
        let kind = if by_address(row) { "ip" } else { "instance" };
        let mut text = format!(
            "resource \"aws_lb_target_group\" \"{name}\" {{\n  name                 = \"{}\"\n  port                 = {}\n  \
             protocol             = \"TCP\"\n  target_type          = \"{kind}\"\n  vpc_id               = \"{}\"\n  \
             preserve_client_ip   = true\n  deregistration_delay = {}\n  tags                 = {{ \"flotilla:pool\" = \
             \"{}\" }}\n  health_check {{\n    protocol = \"TCP\"\n    port     = {}\n  }}\n  target_health_state {{\n    \
             enable_unhealthy_connection_termination = false\n    unhealthy_draining_interval             = {}\n  }}\n}}\n\n",
            row.group,
            row.target_port,
            self.vpc(),
            self.want.drain,
            self.want.pool,
            self.want.health,
            self.want.drain,
        );
        for id in &row.targets {
            text.push_str(&format!(
                "resource \"aws_lb_target_group_attachment\" \"{name}_{}\" {{\n  target_group_arn = \
                 aws_lb_target_group.{name}.arn\n  target_id        = \"{id}\"\n}}\n\n",
                label(id)
            ));
        }
        text.push_str(&format!(
            "resource \"aws_lb_listener\" \"{name}\" {{\n  load_balancer_arn = \"{}\"\n  port              = {}\n  \
             protocol          = \"TCP\"\n  tags              = {{ \"flotilla:pool\" = \"{}\" }}\n  default_action {{\n    type             = \"forward\"\n    \
             target_group_arn = aws_lb_target_group.{name}.arn\n  }}\n}}\n\n",
            self.balancer(),
            row.port,
            self.want.pool,
        ));
        text
    }

    fn attributes(&self) -> [(&'static str, String); 4] {
        let drain = self.want.drain.to_string();
        [
            (super::super::attribute::PRESERVE, "true".to_owned()),
            (super::super::attribute::CUTS_UNHEALTHY, "false".to_owned()),
            (super::super::attribute::UNHEALTHY_DRAINING, drain.clone()),
            (super::super::attribute::DELAY, drain),
        ]
    }

    fn balancer(&self) -> &str {
        if self.want.balancer.is_empty() { "ARN-OF-THE-LOAD-BALANCER" } else { &self.want.balancer }
    }

    fn vpc(&self) -> &str {
        if self.want.vpc.is_empty() { "ID-OF-THE-VPC" } else { &self.want.vpc }
    }
}

fn by_address(row: &Row) -> bool {
    row.targets.first().is_some_and(|id| id.parse::<std::net::IpAddr>().is_ok())
}

fn words<T: Into<String>>(first: &str, rest: impl IntoIterator<Item = T>) -> Vec<String> {
    let first = std::iter::once("aws").chain(first.split(' ')).map(ToOwned::to_owned);
    first.chain(rest.into_iter().map(Into::into)).collect()
}
