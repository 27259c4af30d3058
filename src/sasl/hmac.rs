//! HMAC (RFC 2104) and PBKDF2 (RFC 8018 section 5.2) over MD5, SHA-1 and SHA-256, all of which take
//! blocks of 64 bytes.

use md5::Digest;

const BLOCK: usize = 64;

/// A keyed hash, ready to be used any number of times.
#[derive(Clone)]
pub(in crate::sasl) struct Hmac<D> {
    inner: D,
    outer: D,
}

impl<D: Digest + Clone> Hmac<D> {
    pub(in crate::sasl) fn new(key: &[u8]) -> Self {
        let mut block = [0_u8; BLOCK];
        let hashed;
        let key = if key.len() > BLOCK {
            hashed = D::digest(key);
            hashed.as_slice()
        } else {
            key
        };
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        let keyed = |pad: u8| D::new().chain_update(block.map(|byte| byte ^ pad));
        Self { inner: keyed(0x36), outer: keyed(0x5c) }
    }

    /// Of these pieces, one after the other.
    pub(in crate::sasl) fn of(&self, pieces: &[&[u8]]) -> Vec<u8> {
        let mut inner = self.inner.clone();
        for piece in pieces {
            inner.update(piece);
        }
        self.outer.clone().chain_update(inner.finalize()).finalize().to_vec()
    }

    /// The first block of PBKDF2, the key being the password.
    pub(in crate::sasl) fn stretched(&self, salt: &[u8], iterations: u32) -> Vec<u8> {
        let mut round = self.of(&[salt, &1_u32.to_be_bytes()]);
        let mut result = round.clone();
        for _ in 1..iterations {
            round = self.of(&[&round]);
            for (to, from) in result.iter_mut().zip(&round) {
                *to ^= from;
            }
        }
        result
    }
}

impl<D> std::fmt::Debug for Hmac<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hmac")
    }
}

#[cfg(test)]
mod tests {
    use sha1::Sha1;
    use sha2::Sha256;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231 sections 4.3 and 4.7: short and long keys.
    #[test]
    fn known_hashes() {
        let hash = Hmac::<Sha256>::new(b"Jefe").of(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&hash), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let hash = Hmac::<Sha256>::new(&[0xaa; 131]).of(&[text]);
        assert_eq!(hex(&hash), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    /// RFC 6070
    #[test]
    fn known_keys() {
        let key = Hmac::<Sha1>::new(b"password").stretched(b"salt", 4096);
        assert_eq!(hex(&key), "4b007901b765489abead49d926f721d065a429c1");
    }
}
