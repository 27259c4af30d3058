//! What one main.cf parameter is: name, type, default, limits.
//!
//! A parameter is written down once, in [`super::parameters`]. The typed reads of the services,
//! `postconf -d`, the checks of a configuration and the manual all come from that entry.

/// One main.cf parameter of the type `Kind`.
#[derive(Debug)]
pub struct Parameter<Kind> {
    /// The name in main.cf.
    pub name: &'static str,
    /// What holds when main.cf says nothing; may refer to other parameters.
    pub default: Default,
    /// What values are legal: for text the length, for numbers and times the value.
    pub limits: Limits,
    /// Its type.
    pub kind: Kind,
    /// What it is for, in a sentence; see [`Entry::text`].
    pub text: &'static str,
}

/// The default of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// Text as main.cf would have it, expanded like any value.
    Text(&'static str),
    /// Found out at run time, such as myhostname; see [`super::computed`].
    Computed,
}

/// Inclusive limits; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Smallest legal value (text: shortest).
    pub min: i64,
    /// Largest legal value (text: longest).
    pub max: Option<i64>,
}

impl Limits {
    /// No limits that matter: text of any length, numbers from zero up.
    pub const ANY: Self = Self { min: 0, max: None };

    /// `min` or more.
    pub const fn at_least(min: i64) -> Self {
        Self { min, max: None }
    }

    /// From `min` to `max`.
    pub const fn range(min: i64, max: i64) -> Self {
        Self { min, max: Some(max) }
    }
}

/// The types of parameters.
pub mod kinds {
    /// Text, with `$name` expanded.
    #[derive(Debug)]
    pub struct Text;
    /// Text that is not expanded when read: templates whose `$name` mean something else.
    #[derive(Debug)]
    pub struct Raw;
    /// `yes` or `no`.
    #[derive(Debug)]
    pub struct Bool;
    /// A whole number that fits in 31 bits.
    #[derive(Debug)]
    pub struct Int;
    /// A whole number that fits in 63 bits: sizes.
    #[derive(Debug)]
    pub struct Long;
    /// A time span; without a unit letter it has the unit of its default.
    #[derive(Debug)]
    pub struct Time;
    /// A boolean whose text may hold `$name`.
    #[derive(Debug)]
    pub struct NBool;
    /// A number whose text may hold `$name`.
    #[derive(Debug)]
    pub struct NInt;
}

/// The type of a parameter, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see the types of the same names in `kinds`")]
pub enum KindOf {
    Text,
    Raw,
    Bool,
    Int,
    Long,
    Time,
    NBool,
    NInt,
}

/// A parameter of any type.
pub trait Entry: Sync {
    /// The name in main.cf.
    fn name(&self) -> &'static str;
    /// Its default.
    fn default(&self) -> Default;
    /// Its limits.
    fn limits(&self) -> Limits;
    /// Its type.
    fn kind(&self) -> KindOf;
    /// What it is for, in one sentence, for manuals and listings. Names of parameters and of
    /// pages such as smtpd(8) stand as they are; what is to be typed stands in backticks.
    fn text(&self) -> &'static str;
}

macro_rules! entries {
    ($($kind:ident),*) => { $(
        impl Entry for Parameter<kinds::$kind> {
            fn name(&self) -> &'static str { self.name }
            fn default(&self) -> Default { self.default }
            fn limits(&self) -> Limits { self.limits }
            fn kind(&self) -> KindOf { KindOf::$kind }
            fn text(&self) -> &'static str { self.text.trim_ascii() }
        }
    )* };
}
entries!(Text, Raw, Bool, Int, Long, Time, NBool, NInt);

/// Declares parameters: `name: Kind = "default";` or `name: Kind = computed;`, with
/// `, Limits::…` after the default where values are limited, and `ident as "name"` where the
/// name is no Rust identifier. The doc comment above an entry is its text in postconf(5). Makes
/// one `static` each and `ALL`.
macro_rules! parameters {
    ($($(#[doc = $text:literal])+ $name:ident $(as $spelled:literal)? : $kind:ident = $default:tt $(, $limits:expr)?;)*) => {
        $(
            $(#[doc = $text])+
            pub static $name: Parameter<$kind> = Parameter {
                name: $crate::config::parameter::name!($name $($spelled)?),
                default: $crate::config::parameter::default!($default),
                limits: $crate::config::parameter::limits!($($limits)?),
                kind: $kind,
                text: concat!($($text),+),
            };
        )*
        /// All entries of this group.
        pub(super) static ALL: &[&dyn $crate::config::parameter::Entry] = &[$(&$name),*];
    };
}
macro_rules! name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $text:literal) => {
        $text
    };
}
macro_rules! default {
    (computed) => {
        $crate::config::parameter::Default::Computed
    };
    ($text:literal) => {
        $crate::config::parameter::Default::Text($text)
    };
}
macro_rules! limits {
    () => {
        $crate::config::parameter::Limits::ANY
    };
    ($limits:expr) => {
        $limits
    };
}
pub(crate) use {default, limits, name, parameters};
