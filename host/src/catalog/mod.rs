//! What a component is: its digest, what it imports and exports, what it says of itself, and the schemas that
//! inputs and configurations are held against.
