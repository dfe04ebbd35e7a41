//! What a component is: its digest, what it imports and exports, what it says of itself, and the schemas that
//! inputs and configurations are held against.

mod description;
mod digest;
mod inspect;
mod schema;

pub use description::{Action, ActionData, Description, DescriptionData, InstanceMode};
pub use digest::{Digest, DigestError};
pub use inspect::{Capability, Export, Inspection, MAX_COMPONENT_BYTES, Role, Tool, inspect};
pub use schema::{Schema, check_json};
