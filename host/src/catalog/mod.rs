//! What a component is: its digest, what it imports and exports, what it says of itself, and the schemas that
//! inputs and configurations are held against.

mod description;
mod digest;
mod schema;

pub use description::{Action, ActionData, Description, DescriptionData, InstanceMode};
pub use digest::{Digest, DigestError};
pub use schema::{Schema, check_json};
