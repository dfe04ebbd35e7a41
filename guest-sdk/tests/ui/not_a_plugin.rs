struct Mine;

#[cjm_guest::actions]
impl Mine {}

fn main() {}
