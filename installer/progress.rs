//! What the installer tells while it works: steps, quietly where nobody watches.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};

/// A step heading.
pub fn heading(text: &str) {
    let style = Style::new().bold();
    print(&format!("{style}{text}{style:#}"));
}

/// Something that was done.
pub fn done(text: &str) {
    let style = AnsiColor::Green.on_default();
    print(&format!("  {style}✓{style:#} {text}"));
}

/// A line of somebody else's, such as the log.
pub fn quote(text: &str) {
    let style = Style::new().dimmed();
    print(&format!("  {style}{text}{style:#}"));
}

/// Plain text.
pub fn print(text: &str) {
    // A closed output is no reason to stop half-way.
    let _ = writeln!(anstream::stdout(), "{text}");
}
