//! bounce(8) as a library: composes delivery status notices (RFC 3464) in Postfix's form.
