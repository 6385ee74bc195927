//! The services there are.

/// One of them; the two kinds of balancers have one name and two languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Names and health checks: REST with XML.
    Route53,
    /// Instances and security groups: Query, with errors of its own form.
    Ec2,
    /// Network balancers: Query, version 2015-12-01.
    Balancing,
    /// Classic balancers: Query, version 2012-06-01.
    Classic,
    /// Groups of instances: Query.
    Scaling,
    /// Who am I: Query.
    Tokens,
    /// Instance metadata, which has no credentials.
    Metadata,
}

impl Service {
    /// As in a policy.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Route53 => "route53",
            Self::Ec2 => "ec2",
            Self::Balancing | Self::Classic => "elasticloadbalancing",
            Self::Scaling => "autoscaling",
            Self::Tokens => "sts",
            Self::Metadata => "imds",
        }
    }

    /// Of the XML of its answers.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Route53 => "https://route53.amazonaws.com/doc/2013-04-01/",
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Balancing => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
            Self::Classic => "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/",
            Self::Scaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
            Self::Tokens => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Metadata => "",
        }
    }

    /// The service of a credential scope and of a version, which tells the balancers apart.
    pub(super) fn of(scope: &str, version: &str) -> Option<Self> {
        match (scope, version) {
            ("route53", _) => Some(Self::Route53),
            ("ec2", "2016-11-15") => Some(Self::Ec2),
            ("elasticloadbalancing", "2015-12-01") => Some(Self::Balancing),
            ("elasticloadbalancing", "2012-06-01") => Some(Self::Classic),
            ("autoscaling", "2011-01-01") => Some(Self::Scaling),
            ("sts", "2011-06-15") => Some(Self::Tokens),
            _ => None,
        }
    }
}
