//! What a component is: its digest, what it imports and exports, what it says of itself, and the schemas that
//! inputs and configurations are held against.

mod description;
mod digest;
mod inspect;
mod schema;

pub use description::{Action, Description, InstanceMode, SecretNeed};
pub(crate) use description::{ActionData, DescriptionData};
pub use digest::{Digest, DigestError};
pub use inspect::{Capability, Export, Inspection, Role, Tool};
pub(crate) use inspect::{MAX_COMPONENT_BYTES, inspect};
pub use schema::Schema;
pub(crate) use schema::{INSTANCE, check_json};
