//! A data folder of its own for a test, and managers on it.

use std::path::{Path, PathBuf};

use cjm_host::{Manager, Settings, create};

/// A project in a temporary folder.
pub struct Project {
    dir: tempfile::TempDir,
}

impl Default for Project {
    fn default() -> Self {
        Self::new("")
    }
}

impl Project {
    /// A project with this `cjm.toml`. Its compiled code is shared with all others of the test run.
    pub fn new(settings: &str) -> Self {
        let project = Self { dir: tempfile::tempdir().expect("there is room for a folder") };
        project.set(settings);
        std::fs::create_dir_all(project.plugins()).expect("the folder can be made");
        project
    }

    /// Writes `cjm.toml` anew.
    pub fn set(&self, settings: &str) {
        std::fs::write(self.path().join("cjm.toml"), settings).expect("the folder can be written");
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The plugins folder.
    pub fn plugins(&self) -> PathBuf {
        self.path().join(".cjm/plugins")
    }

    /// Puts a file into the plugins folder.
    pub fn drop_in(&self, component: &Path) -> PathBuf {
        let path = self.plugins().join(component.file_name().expect("it is a file"));
        std::fs::copy(component, &path).expect("the folder can be written");
        path
    }

    /// Its settings.
    pub fn settings(&self) -> Settings {
        Settings::builder()
            .project_dir(self.path())
            .environment(Vec::<(String, String)>::new())
            .load()
            .expect("the settings are well-formed")
    }

    /// A manager on it; one at a time.
    pub async fn manager(&self) -> Manager {
        create(self.settings()).await.expect("a manager can be made")
    }
}
