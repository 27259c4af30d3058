//! What went wrong in a session, by the classes of `notify_classes`.

use crate::config::{Config, parameters as p};

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u8);

impl Faults {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Mail that cannot be delivered.
    pub const BOUNCE: Self = Self(1);
    /// A table or file could not be read.
    pub const DATA: Self = Self(1 << 1);
    /// The client was turned away by a rule.
    pub const POLICY: Self = Self(1 << 2);
    /// The client broke the protocol.
    pub const PROTOCOL: Self = Self(1 << 3);
    /// We ran out of something.
    pub const RESOURCE: Self = Self(1 << 4);
    /// A configuration error, or a bug of ours.
    pub const SOFTWARE: Self = Self(1 << 5);

    /// Reads `notify_classes`; classes that do not concern smtpd are passed over.
    pub fn read(config: &Config) -> Self {
        let known =
            ["bounce", "data", "policy", "protocol", "resource", "software", "2bounce", "delay"];
        let classes = [
            Self::BOUNCE,
            Self::DATA,
            Self::POLICY,
            Self::PROTOCOL,
            Self::RESOURCE,
            Self::SOFTWARE,
        ];
        let set = config.set(&p::notify_classes, known);
        let wanted = classes.into_iter().zip(set).filter(|(_, is_set)| *is_set);
        Self(wanted.fold(0, |set, (class, _)| set | class.0))
    }

    /// Adds `other`.
    pub const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether anything of `other` is in it.
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
