use super::network::Place;
use super::*;

fn grants(toml: &str) -> Grants {
    toml::from_str(toml).unwrap()
}

fn refusal(toml: &str) -> String {
    toml::from_str::<Grants>(toml).unwrap_err().to_string()
}

const ALL: &str = r#"
folders = [{ host = "data/in", guest = "/in" }, { host = "out", guest = "/out/", access = "rw" }]
network = ["https://Example.org.", "https://*.example.org:8443", { url = "http://intranet:8080", private = true }]
environment = ["LANG", "TZ=UTC"]
secrets = ["api-key"]
gpu = true
sockets = ["tcp://10.0.0.0/8:5432", "udp://[fd00::/8]:53", "tcp://192.168.0.1"]
"#;

fn texts() -> Vec<String> {
    grants(ALL).iter().map(|grant| grant.to_string()).collect()
}

#[test]
fn read_from_toml_and_written_as_single_grants() {
    assert_eq!(
        texts(),
        [
            "folder=data/in:/in:ro",
            "folder=out:/out:rw",
            "network=https://example.org",
            "network=https://*.example.org:8443",
            "network=http://intranet:8080,private",
            "environment=LANG",
            "environment=TZ=UTC",
            "secret=api-key",
            "gpu",
            "socket=tcp://10.0.0.0/8:5432",
            "socket=udp://[fd00::/8]:53",
            "socket=tcp://192.168.0.1",
        ]
    );
}

#[test]
fn the_same_from_toml_json_and_single_grants() {
    let all = grants(ALL);
    let singly: Grants = texts().iter().map(|text| text.parse::<Grant>().unwrap()).collect();
    assert_eq!(singly, all);
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Grants>(&json).unwrap(), all);
    #[derive(Deserialize)]
    struct File {
        plugins: std::collections::BTreeMap<String, std::collections::BTreeMap<String, Grants>>,
    }
    for name in ["a-plugin", "a plugin \"quoted\""] {
        let file: File = toml::from_str(&all.to_toml(name)).unwrap();
        assert_eq!(file.plugins[name]["grants"], all, "{}", all.to_toml(name));
    }
}

#[test]
fn what_is_pasted_is_one_line_a_kind() {
    assert_eq!(
        grants(ALL).to_toml("fetch"),
        r#"[plugins.fetch.grants]
folders = [{ host = "data/in", guest = "/in", access = "ro" }, { host = "out", guest = "/out", access = "rw" }]
network = ["https://example.org", "https://*.example.org:8443", { url = "http://intranet:8080", private = true }]
environment = ["LANG", "TZ=UTC"]
secrets = ["api-key"]
gpu = true
sockets = ["tcp://10.0.0.0/8:5432", "udp://[fd00::/8]:53", "tcp://192.168.0.1"]
"#
    );
}

#[test]
fn what_is_not_known_is_an_error() {
    for toml in [
        "fodlers = []",
        "gpu = \"yes\"",
        "folders = [{ host = \"a\", guest = \"/a\", mode = \"ro\" }]",
        "folders = [{ host = \"a\", guest = \"/a\", access = \"w\" }]",
        "folders = [{ host = \"a\" }]",
        "network = [{ url = \"https://a\", privat = true }]",
        "network = [7]",
    ] {
        refusal(toml);
    }
    for text in ["", "gpu=1", "gpus", "folder", "secrets=a", "network:https://a"] {
        let error = text.parse::<Grant>().unwrap_err().to_string();
        assert!(error.contains("write one of folder="), "{error}");
    }
}

#[test]
fn places_that_cannot_be_granted_say_why() {
    for (url, why) in [
        ("example.org", "does not begin with"),
        ("ftp://example.org", "does not begin with"),
        ("https://example.org/path", "paths and queries"),
        ("https://example.org?q", "paths and queries"),
        ("https://user:pw@example.org", "names a user"),
        ("https://exämple.org", "xn--"),
        ("https://example.org:0", "its port"),
        ("https://example.org:+1", "its port"),
        ("https://example.org:65536", "its port"),
        ("https://example.org:", "its port"),
        ("https://", "its host"),
        ("https://*example.org", "its host"),
        ("https://a.*.org", "its host"),
        ("https://*.*", "its host"),
        ("https://a..b", "its host"),
        ("https://[::1", "its host"),
        ("https://[fe80::1%eth0]", "its host"),
        ("https://::1", "its"),
    ] {
        let error = format!("network={url}").parse::<Grant>().unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(url), "{error}");
        assert!(refusal(&format!("network = [{}]", inline(&url))).contains(why), "{url}");
    }
}

#[test]
fn other_grants_that_make_no_sense_are_errors() {
    for text in [
        "folder=/a",
        "folder=:/a",
        "folder=a:b",
        "folder=a:/../b",
        "folder=a:/b//c",
        "folder=a:/b\\c",
        "environment=",
        "environment==x",
        "environment=A B",
        "secret=",
        "secret=a b",
        "socket=tcp://example.org:80",
        "socket=tcp://10.0.0.0/33",
        "socket=tcp://10.0.0.1:0",
        "socket=tcp://::1:80",
        "socket=tcp://[10.0.0.1]:80",
        "socket=tcp://[::1:80",
        "socket=sctp://10.0.0.1:80",
        "socket=10.0.0.1:80",
    ] {
        text.parse::<Grant>().unwrap_err();
    }
}

#[test]
fn paths_of_the_machine_may_have_colons() {
    let Grant::Folder(folder) = r"folder=C:\data:/in:rw".parse().unwrap() else { panic!("no folder") };
    assert_eq!((folder.host.to_str(), folder.guest.as_str()), (Some(r"C:\data"), "/in"));
    assert_eq!(folder.access, FolderAccess::ReadWrite);
    let Grant::Folder(root) = "folder=a:/:/".parse().unwrap() else { panic!("no folder") };
    assert_eq!((root.host.to_str(), root.guest.as_str()), (Some("a:/"), "/"));
}

#[test]
fn relative_folders_begin_where_they_are_told_to() {
    let mut all = grants(r#"folders = [{ host = "in", guest = "/a" }, { host = "/in", guest = "/b" }]"#);
    all.rebase(Path::new("/base"));
    let hosts: Vec<_> = all.folders.iter().map(|folder| folder.host.to_str().unwrap()).collect();
    assert_eq!(hosts, ["/base/in", "/in"]);
}

#[test]
fn a_grant_is_given_and_taken_once() {
    let mut all = Grants::default();
    assert!(all.is_empty());
    for text in texts() {
        let grant: Grant = text.parse().unwrap();
        assert!(all.insert(grant.clone()), "{grant}");
        assert!(!all.insert(grant.clone()), "{grant}");
    }
    let whole = all.clone();
    all.union(&whole);
    assert_eq!(all, whole);
    for text in texts() {
        let grant: Grant = text.parse().unwrap();
        assert!(all.remove(&grant), "{grant}");
        assert!(!all.remove(&grant), "{grant}");
    }
    assert!(all.is_empty());
}

#[test]
fn the_wider_of_two_grants_holds() {
    let mut all = Grants::default();
    for (text, new) in [
        ("folder=a:/a:ro", true),
        ("folder=a:/a:rw", true),
        ("folder=a:/a:ro", false),
        ("network=http://a", true),
        ("network=http://a,private", true),
        ("network=http://a", false),
    ] {
        assert_eq!(all.insert(text.parse().unwrap()), new, "{text}");
    }
    assert_eq!(
        all.iter().map(|grant| grant.to_string()).collect::<Vec<_>>(),
        ["folder=a:/a:rw", "network=http://a,private"]
    );
    assert!(all.remove(&"folder=a:/a:ro".parse().unwrap()), "a folder goes whatever its access");
}

fn place(url: &str) -> Place {
    let (scheme, rest) = url.split_once("://").unwrap();
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let uri: http::uri::Authority = rest.parse().unwrap();
    Place::new(scheme, uri.host(), uri.port_u16()).unwrap()
}

fn place_grant(text: &str) -> NetworkGrant {
    text.parse().unwrap()
}

#[test]
fn a_place_is_covered_by_scheme_host_and_port() {
    for (grant, url, covers) in [
        ("https://example.org", "https://example.org", true),
        ("https://example.org", "https://EXAMPLE.org.:443", true),
        ("https://example.org", "http://example.org:443", false),
        ("https://example.org", "https://example.org:444", false),
        ("https://example.org", "https://www.example.org", false),
        ("https://example.org", "https://example.org.evil.com", false),
        ("https://*.example.org", "https://www.example.org", true),
        ("https://*.example.org", "https://a.b.example.org", true),
        ("https://*.example.org", "https://example.org", false),
        ("https://*.example.org", "https://badexample.org", false),
        ("https://*", "https://anything", true),
        ("https://*", "https://[::1]", true),
        ("https://*", "https://anything:1", false),
        ("http://*:*", "http://anything:1", true),
        ("http://127.0.0.1:*", "http://127.0.0.1:8080", true),
        ("http://127.0.0.1", "http://[::ffff:127.0.0.1]", true),
        ("http://127.0.0.1", "http://127.1", false),
        ("http://[0:0::1]", "http://[::1]", true),
        ("http://*.0.0.1", "http://127.0.0.1", false),
    ] {
        assert_eq!(place_grant(grant).covers(&place(url)), covers, "{grant} {url}");
    }
}

#[test]
fn a_private_address_must_be_granted_or_named() {
    for (grant, address, covers) in [
        ("https://*", "1.1.1.1", true),
        ("https://*", "127.0.0.1", false),
        ("https://*", "::ffff:127.0.0.1", false),
        ("https://a", "10.0.0.1", false),
        ("https://a", "169.254.169.254", false),
        ("https://a,private", "10.0.0.1", true),
        ("https://a,private", "127.0.0.1", true),
        ("https://a,private", "fd00::1", true),
        ("https://a,private", "169.254.169.254", false),
        ("https://a,private", "fe80::1", false),
        ("https://a,private", "224.0.0.1", false),
        ("https://a,private", "0.0.0.0", false),
        ("http://169.254.169.254", "169.254.169.254", true),
        ("http://127.0.0.1", "127.0.0.1", true),
        ("http://0.0.0.0", "0.0.0.0", false),
        ("http://localhost", "127.0.0.1", true),
        ("http://localhost", "::1", true),
        ("http://localhost", "10.0.0.1", false),
        ("http://*.localhost", "127.0.0.1", false),
    ] {
        assert_eq!(place_grant(grant).covers_address(address.parse().unwrap()), covers, "{grant} {address}");
    }
}

#[test]
fn the_grant_that_is_proposed_covers_the_place() {
    for (url, private, proposed) in [
        ("https://Example.org:443", false, "https://example.org"),
        ("http://intranet:8080", true, "http://intranet:8080,private"),
        ("http://localhost:1", true, "http://localhost:1"),
        ("http://[::1]:80", true, "http://[::1]"),
    ] {
        let grant = place(url).grant(private);
        assert_eq!(grant.to_string(), proposed);
        assert!(grant.covers(&place(url)));
    }
}

#[test]
fn sockets_are_covered_by_protocol_network_and_port() {
    let covers = |grant: &str, protocol, address: &str| {
        grant.parse::<SocketGrant>().unwrap().covers(protocol, address.parse().unwrap())
    };
    use SocketProtocol::{Tcp, Udp};
    assert!(covers("tcp://10.0.0.0/8:5432", Tcp, "10.1.2.3:5432"));
    assert!(covers("tcp://10.0.0.0/8:5432", Tcp, "[::ffff:10.1.2.3]:5432"));
    assert!(!covers("tcp://10.0.0.0/8:5432", Tcp, "10.1.2.3:5433"));
    assert!(!covers("tcp://10.0.0.0/8:5432", Udp, "10.1.2.3:5432"));
    assert!(!covers("tcp://10.0.0.0/8:5432", Tcp, "11.0.0.1:5432"));
    assert!(covers("udp://[fd00::/8]", Udp, "[fd00::1]:53"));
    assert!(covers("tcp://127.0.0.1:*", Tcp, "127.0.0.1:1"));
    let named = SocketGrant::of(Tcp, "[fd00::1]:5432".parse().unwrap());
    assert_eq!(named.to_string(), "tcp://[fd00::1]:5432");
    assert_eq!("tcp://10.1.2.3/8:1".parse::<SocketGrant>().unwrap().to_string(), "tcp://10.0.0.0/8:1");
}

#[test]
fn variables_are_passed_through_or_set() {
    let value = |text: &str| text.parse::<EnvironmentGrant>().unwrap().value();
    assert_eq!(value("A=b=c").as_deref(), Some("b=c"));
    assert_eq!(value("A=").as_deref(), Some(""));
    assert_eq!(value("PATH"), std::env::var("PATH").ok());
    assert_eq!(value("A_VARIABLE_THAT_NOBODY_SETS"), None);
}
