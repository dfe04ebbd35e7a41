//! What the process tells its caller by its exit status.

use cjm_host::Category;

/// The exit statuses, as `--help` and the README list them.
///
/// `2` is what clap, and most tools with it, end a usage error with; `130` is what a shell reports for a process that
/// Ctrl-C ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// All went well.
    Success,
    /// The plugin, or the machine below it, failed.
    PluginError,
    /// What the user handed in cannot be used.
    UserError,
    /// The job was cancelled.
    Cancelled,
}

impl Status {
    /// The number for the operating system.
    pub(crate) fn code(self) -> u8 {
        match self {
            Status::Success => 0,
            Status::PluginError => 1,
            Status::UserError => 2,
            Status::Cancelled => 130,
        }
    }
}

impl From<Category> for Status {
    fn from(category: Category) -> Self {
        match category {
            Category::InvalidInput | Category::NotGranted | Category::NotLoaded | Category::Disabled => {
                Status::UserError
            }
            Category::Cancelled => Status::Cancelled,
            // The taxonomy may grow; what is not known to be the user's fault is not blamed on the user.
            _ => Status::PluginError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_user_plugin_and_cancellation_apart() {
        assert_eq!(Status::from(Category::InvalidInput).code(), 2);
        assert_eq!(Status::from(Category::NotGranted).code(), 2);
        assert_eq!(Status::from(Category::Trapped).code(), 1);
        assert_eq!(Status::from(Category::TimedOut).code(), 1);
        assert_eq!(Status::from(Category::Cancelled).code(), 130);
    }
}
