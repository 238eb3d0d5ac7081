//! How a node's address may be written.

use node::{Endpoint, EndpointError};

#[track_caller]
fn check(text: &str, expected: &str) {
    let endpoint: Endpoint = text.parse().unwrap();
    assert_eq!(endpoint.to_string(), expected);
    assert_eq!(
        expected.parse::<Endpoint>(),
        Ok(endpoint),
        "the canonical form is read back"
    );
}

#[test]
fn every_form_has_one_canonical_url() {
    check("localhost", "http://localhost:1848");
    check("localhost:1848", "http://localhost:1848");
    check("bootstrap-node:1849", "http://bootstrap-node:1849");
    check("under_score:1", "http://under_score:1");
    check("Node.Example.COM:80", "http://node.example.com:80");
    check("http://host", "http://host:1848");
    check("HTTP://host:80/", "http://host:80");
    check("https://host:443", "https://host:443");
    check("https://host", "https://host:1848");
    check("HTTPS://[::1]/", "https://[::1]:1848");
    check("host:1848/", "http://host:1848");
    check("192.168.0.7:65535", "http://192.168.0.7:65535");
    check("[::1]", "http://[::1]:1848");
    check("[::1]:1848", "http://[::1]:1848");
    check("https://[2001:DB8::0:1]:443/", "https://[2001:db8::1]:443");
    check("bücher.example", "http://xn--bcher-kva.example:1848");
}

#[test]
fn the_tls_argument_applies_to_texts_without_a_scheme() {
    assert_eq!(
        Endpoint::parse("host", true).unwrap().to_string(),
        "https://host:1848"
    );
    assert_eq!(
        Endpoint::parse("http://host", true).unwrap().to_string(),
        "http://host:1848"
    );
    assert_eq!(
        Endpoint::parse("https://host", false).unwrap().to_string(),
        "https://host:1848"
    );
}

#[test]
fn the_parts_of_an_address() {
    let endpoint: Endpoint = "https://[::1]:443".parse().unwrap();
    assert!(endpoint.is_tls() && endpoint.is_loopback());
    assert_eq!(
        (endpoint.host(), endpoint.bare_host(), endpoint.port()),
        ("[::1]", "::1", 443)
    );
}

#[track_caller]
fn check_refused(text: &str, message: &str) {
    let error: EndpointError = text.parse::<Endpoint>().unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn an_invalid_address_is_an_error_with_the_invalid_part() {
    let hint = "out of the address: give HOST, HOST:PORT or http(s)://HOST:PORT";
    check_refused(
        "ftp://host",
        "unknown scheme \"ftp\": use http:// or https://",
    );
    check_refused(
        "http://host/info",
        &format!("leave the path \"/info\" {hint}"),
    );
    check_refused(
        "host:1848/chainweb/0.0",
        &format!("leave the path \"/chainweb/0.0\" {hint}"),
    );
    check_refused("host\\x", &format!("leave the path \"\\\\x\" {hint}"));
    check_refused("host?chain=1", &format!("leave the query {hint}"));
    check_refused("host/?a", &format!("leave the path \"/\" {hint}"));
    check_refused("host/?a@b", &format!("leave the path {hint}"));
    check_refused("me:sec/ret@host", &format!("leave the path {hint}"));
    check_refused("host#x", &format!("leave the fragment {hint}"));
    check_refused(
        "me:secret@x://host",
        &format!("leave the user name or password {hint}"),
    );
    check_refused(
        "http://me:secret@host",
        &format!("leave the user name or password {hint}"),
    );
    check_refused("", "the host name is missing");
    check_refused(":1848", "the host name is missing");
    check_refused("http://", "the host name is missing");
    check_refused(
        "::1",
        "\"::1\" is not a host name or address: write an IPv6 address in brackets, as in [::1]:1848",
    );
    check_refused(
        "ho st",
        "\"ho st\" is not a host name or address: it contains ' '",
    );
    check_refused(
        " host:1848",
        "\" host\" is not a host name or address: it contains ' '",
    );
    check_refused("http://host//", &format!("leave the path \"//\" {hint}"));
    check_refused("//host", &format!("leave the path \"//host\" {hint}"));
    check_refused(
        "host\n",
        "\"host\\n\" is not a host name or address: it contains '\\n'",
    );
    check_refused(
        "[fe80::1%eth0]",
        "\"[fe80::1%eth0]\" is not a host name or address: it contains '%'",
    );
    check_refused(
        "[::g]",
        "\"[::g]\" is not a host name or address: invalid IPv6 address",
    );
    check_refused(
        "1.2.3.400",
        "\"1.2.3.400\" is not a host name or address: invalid IPv4 address",
    );
    for port in ["", "0", "65536", "+80", "x", "-1", "184 8"] {
        check_refused(
            &format!("host:{port}"),
            &format!("port {port:?} is not a number from 1 to 65535"),
        );
        check_refused(
            &format!("[::1]:{port}"),
            &format!("port {port:?} is not a number from 1 to 65535"),
        );
    }
    check_refused("[::1]1848", "port \"1848\" is not a number from 1 to 65535");
}

#[test]
fn numbers_and_lists_are_no_host_names() {
    check_refused(
        "1848",
        "\"1848\" is not a host name or address: for a port of this machine write localhost:1848",
    );
    for number in ["127.1", "0x7f000001", "2130706433", "010.0.0.1", "65536"] {
        check_refused(
            number,
            &format!(
                "{number:?} is not a host name or address: an IPv4 address consists of four \
                 numbers from 0 to 255"
            ),
        );
    }
    for (text, odd) in [
        ("a,b", ','),
        ("localhost;x", ';'),
        ("'localhost'", '\''),
        ("a|b", '|'),
        ("$HOST", '$'),
        ("*", '*'),
        ("a+b", '+'),
    ] {
        let why = format!("{text:?} is not a host name or address: it contains {odd:?}");
        check_refused(text, &why);
    }
    for name in ["a..b", ".a", "."] {
        let why = format!("{name:?} is not a host name or address: a part between dots is empty");
        check_refused(name, &why);
    }
}

#[test]
fn every_name_of_this_machine_is_loopback() {
    for (text, expected) in [
        ("localhost", true),
        ("api.localhost", true),
        ("127.0.0.1", true),
        ("127.1.2.3:80", true),
        ("[::1]", true),
        ("0.0.0.0", false),
        ("localhost.example.com", false),
        ("128.0.0.1", false),
        ("[::2]", false),
    ] {
        assert_eq!(
            text.parse::<Endpoint>().unwrap().is_loopback(),
            expected,
            "{text}"
        );
    }
}
