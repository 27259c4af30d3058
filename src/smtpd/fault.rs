//! What went wrong in a session, by the classes of `notify_classes`.

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u8);

const NAMES: &[(&str, Faults)] = &[
    ("bounce", Faults::BOUNCE),
    ("data", Faults::DATA),
    ("policy", Faults::POLICY),
    ("protocol", Faults::PROTOCOL),
    ("resource", Faults::RESOURCE),
    ("software", Faults::SOFTWARE),
];

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

    /// Parses `notify_classes`; classes that do not concern smtpd are passed over.
    pub fn parse(text: &str) -> Self {
        let words = text.split([',', ' ', '\t', '\r', '\n']);
        let known = words.filter_map(|word| NAMES.iter().find(|(name, _)| *name == word));
        Self(known.fold(0, |set, (_, class)| set | class.0))
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
