use super::{HyperTransport, HyperTransportError};
use crate::base_url::BaseUrlError;
use crate::transport::Transport;

#[test]
fn urls_and_roots_are_checked_before_anything_is_sent() {
    let url = |url| HyperTransport::new(url).err().map(|error| error.to_string());
    assert_eq!(url("ftp://proxy"), Some(BaseUrlError::Scheme.to_string()));
    assert_eq!(url("http://127.0.0.1:1"), None);
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let refused = HyperTransport::with_root("https://proxy.example", pem);
        assert!(matches!(refused, Err(HyperTransportError::RootPem)), "{pem}");
    }
}

#[test]
fn each_throw_of_the_dice_is_another() {
    let transport = HyperTransport::new("http://127.0.0.1:1").unwrap();
    assert_ne!(transport.random(), transport.random());
}
