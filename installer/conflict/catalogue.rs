//! Mail systems that cannot be installed beside this one, and how they are known.

/// A mail system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name in Gentoo's category mail-mta, and in messages.
    pub name: &'static str,
    /// Gentoo: the USE flag with which it provides sendmail; without the flag it does always.
    pub flag: Option<&'static str>,
    /// Names of packages of other distributions.
    pub packages: &'static [&'static str],
    /// Names of its programs: of daemons, and of what a link `sendmail` ends in.
    pub programs: &'static [&'static str],
    /// Names of its services.
    pub services: &'static [&'static str],
}

/// All that are known. C Postfix comes last: its names are those of many others' companions.
pub const AGENTS: &[Agent] = &[
    Agent {
        name: "ssmtp",
        flag: Some("mta"),
        packages: &["ssmtp"],
        programs: &["ssmtp", "sendmail.ssmtp"],
        services: &[],
    },
    Agent {
        name: "msmtp",
        flag: Some("mta"),
        packages: &["msmtp-mta", "msmtp"],
        programs: &["msmtp", "msmtpd", "sendmail.msmtp"],
        services: &["msmtpd"],
    },
    Agent {
        name: "nullmailer",
        flag: None,
        packages: &["nullmailer"],
        programs: &["nullmailer-send", "nullmailer-inject", "nullmailer"],
        services: &["nullmailer"],
    },
    Agent {
        name: "exim",
        flag: None,
        packages: &[
            "exim4-daemon-light",
            "exim4-daemon-heavy",
            "exim4-daemon-custom",
            "exim4-base",
            "exim",
        ],
        programs: &["exim", "exim4", "sendmail.exim", "sendmail.exim4"],
        services: &["exim", "exim4"],
    },
    Agent {
        name: "sendmail",
        flag: None,
        packages: &["sendmail-bin", "sendmail-base", "sendmail"],
        programs: &["sendmail-mta", "sendmail.sendmail", "sm-mta", "sm-msp"],
        services: &["sendmail", "sm-client"],
    },
    Agent {
        name: "courier",
        flag: None,
        packages: &["courier-mta", "courier"],
        programs: &["courierd", "courieresmtpd", "esmtpd"],
        services: &["courier", "courier-mta", "courier-esmtpd", "courieresmtpd"],
    },
    Agent {
        name: "netqmail",
        flag: None,
        packages: &["qmail", "netqmail", "qmail-uids-gids"],
        programs: &["qmail-send", "qmail-smtpd", "qmail-inject", "qmail"],
        services: &["qmail", "svscan", "qmail-send"],
    },
    Agent {
        name: "notqmail",
        flag: None,
        packages: &["notqmail"],
        programs: &[],
        services: &["notqmail"],
    },
    Agent {
        name: "opensmtpd",
        flag: Some("mta"),
        packages: &["opensmtpd"],
        programs: &["smtpctl", "smtpd", "opensmtpd"],
        services: &["smtpd", "opensmtpd"],
    },
    Agent {
        name: "esmtp",
        flag: None,
        packages: &["esmtp-run", "esmtp"],
        programs: &["esmtp", "esmtp-wrapper"],
        services: &[],
    },
    Agent { name: "dma", flag: None, packages: &["dma"], programs: &["dma"], services: &["dma"] },
    Agent {
        name: "citadel",
        flag: None,
        packages: &["citadel-server", "citadel-mta", "citadel-suite"],
        programs: &["citserver", "citmail"],
        services: &["citadel", "citserver"],
    },
    Agent {
        name: "masqmail",
        flag: None,
        packages: &["masqmail"],
        programs: &["masqmail"],
        services: &["masqmail"],
    },
    Agent {
        name: "postfix",
        flag: None,
        packages: &["postfix"],
        programs: &["sendmail.postfix"],
        services: &["postfix"],
    },
];

/// The mail system with such a package.
pub fn by_package(package: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.packages.contains(&package))
}

/// The mail system with such a program.
pub fn by_program(program: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.programs.contains(&program))
}

/// The mail system with such a service.
pub fn by_service(service: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.services.contains(&service))
}

/// The mail system with that name in mail-mta.
pub fn by_name(name: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.name == name)
}
