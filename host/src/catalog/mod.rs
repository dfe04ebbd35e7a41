//! What a component is: its digest, what it imports and exports, what it says of itself, and the schemas that
//! inputs and configurations are held against.

pub(crate) mod configuration;
mod description;
mod digest;
mod inspect;
mod install;
mod lock;
mod manifest;
pub(crate) mod name;
mod schema;
mod trust;

pub use configuration::{ConfigPath, Strictness};
pub use description::{Action, Description, InstanceMode, SecretNeed};
pub(crate) use description::{ActionData, DescriptionData};
pub use digest::{Digest, DigestError};
pub use inspect::{Capability, Export, Inspection, Role, Tool};
pub(crate) use inspect::{MAX_COMPONENT_BYTES, inspect};
pub use install::{FetchProgress, Fetched, Found, PluginFolder, Problem, Scan, Staged, Stored, View, fetch};
pub use lock::{LockFile, Locked};
pub use manifest::{
    ActionRecord, Change, Changes, Code, Differences, Drift, DriftRecord, FORMAT as MANIFEST_FORMAT, Install,
    Installer, Manifest, Overrides, Resources, schema_digest,
};
pub(crate) use name::{check_name, closest, shown};
pub use schema::Schema;
pub(crate) use schema::{INSTANCE, check_json};
pub use trust::{
    Evidence, Integrity, KeyNumber, PublicKey, SecretKey, Signature, Signed, TrustLevel, TrustedKey,
    TrustedKeys, Verdict,
};
