//! Ed25519 signatures of documents: what exactly is signed, and by whom.
//!
//! Signed is the pre-authentication encoding of DSSE, `DSSEv1 SP len(type) SP type SP len(body) SP body`, lengths in ASCII
//! decimal bytes: a signature of one kind of document can never be presented as one of another.
//! Sources: RFC 8032 (Ed25519), RFC 8410 (its keys in PEM), DSSE protocol 1.0.2 (the encoding).

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::problem::Problem;

/// Who may sign: a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Who signs. Neither printed nor stored.
pub struct PrivateKey(SigningKey);

impl PublicKey {
    /// Reads a key from PEM (`-----BEGIN PUBLIC KEY-----`), as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// `signature.key` where it is not an Ed25519 public key.
    pub fn from_pem(pem: &str) -> Result<Self, Problem> {
        VerifyingKey::from_public_key_pem(pem.trim()).map(Self).map_err(|error| {
            Problem::new("signature.key", format!("this is no Ed25519 public key in PEM: {error}"))
                .hint("openssl pkey -in waiver-key.pem -pubout -out waiver-key.pub.pem")
        })
    }

    /// The key as documents carry it.
    pub fn hex(&self) -> String {
        hex(&self.0.to_bytes())
    }

    /// Reads what [`Self::hex`] writes.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = bytes(text)?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    /// Whether `signature` (128 hexadecimal digits) is this key's over `body`, a document of this type. Strict: of every
    /// signature there is one spelling only, and no key of small order signs anything (RFC 8032, 8.4; Chalkias and others 2020).
    pub fn signed(&self, payload_type: &str, body: &[u8], signature: &str) -> bool {
        let Some(signature) = bytes(signature).and_then(|bytes| Signature::from_slice(&bytes).ok()) else {
            return false;
        };
        self.0.verify_strict(&pre_authentication(payload_type, body), &signature).is_ok()
    }
}

impl PrivateKey {
    /// Reads a key from PEM (`-----BEGIN PRIVATE KEY-----`), as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// `signature.key` where it is not an Ed25519 private key.
    pub fn from_pem(pem: &str) -> Result<Self, Problem> {
        SigningKey::from_pkcs8_pem(pem.trim()).map(Self).map_err(|error| {
            Problem::new("signature.key", format!("this is no Ed25519 private key in PEM: {error}"))
                .hint("openssl genpkey -algorithm ed25519 -out waiver-key.pem")
        })
    }

    /// The key that verifies.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of `body`, a document of this type: 128 hexadecimal digits.
    pub fn sign(&self, payload_type: &str, body: &[u8]) -> String {
        hex(&self.0.sign(&pre_authentication(payload_type, body)).to_bytes())
    }
}

/// The bytes that are signed.
fn pre_authentication(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).filter(|_| !c.is_ascii_uppercase()).map(|d| d as u8)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_protocol() {
        // DSSE protocol 1.0.2, "Test vectors".
        let encoded = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    /// RFC 8032, 7.1, TEST 3, through our hexadecimal and PEM doors (RFC 8410, 10.3 gives the frame of the key).
    #[test]
    fn keys_and_signatures_are_those_of_the_standard() {
        let secret = bytes("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7").unwrap();
        let key = PrivateKey(SigningKey::from_bytes(&secret.try_into().unwrap()));
        assert_eq!(key.public().hex(), "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
        let signature = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
        assert_eq!(hex(&key.0.sign(&[0xaf, 0x82]).to_bytes()), signature);
        // RFC 8410, 10.3 and 10.1: one key pair, private and public.
        let private = "-----BEGIN PRIVATE KEY-----\n\
                       MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                       -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
                      MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                      -----END PUBLIC KEY-----\n";
        let private = PrivateKey::from_pem(private).unwrap();
        assert_eq!(private.public(), PublicKey::from_pem(public).unwrap());
        assert_eq!(PublicKey::from_pem("hello").unwrap_err().code, "signature.key");
        assert!(PrivateKey::from_pem(public).is_err());
    }

    #[test]
    fn a_signature_holds_for_its_bytes_type_and_key_only() {
        let key = |seed: u8| PrivateKey(SigningKey::from_bytes(&[seed; 32]));
        let signature = key(1).sign("a", b"body");
        let public = PublicKey::from_hex(&key(1).public().hex()).unwrap();
        assert!(public.signed("a", b"body", &signature));
        assert!(!public.signed("b", b"body", &signature));
        assert!(!public.signed("a", b"bodz", &signature));
        assert!(!key(2).public().signed("a", b"body", &signature));
        assert!(
            !public.signed("a", b"body", &signature.to_uppercase()) || signature == signature.to_uppercase()
        );
        for broken in ["", "00", &signature[1..], &format!("{signature}00"), "zz"] {
            assert!(!public.signed("a", b"body", broken), "{broken}");
        }
    }
}
