//! Folders, environment variables and sockets, which WASI's own implementation lends as far as it is told to.

mod sockets;

use std::io;
use std::sync::Arc;

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::refusals::Refusals;
use crate::error::{Error, Result};
use crate::policy::{FolderAccess, FolderGrant, Grants};
use sockets::Sockets;

/// What WASI lends to each Store of an instance. By default nothing: no folder, no variable, no socket, no argument.
#[derive(Clone, Default)]
pub(crate) struct WasiLoan {
    /// None where nothing is lent, as for most plugins.
    granted: Option<Arc<Granted>>,
}

struct Granted {
    folders: Vec<FolderGrant>,
    environment: Vec<(String, String)>,
    sockets: Option<Arc<Sockets>>,
}

impl WasiLoan {
    /// # Errors
    ///
    /// `invalid-input`, where a folder is missing, cannot be opened, or is to be in another's place.
    pub(crate) fn new(grants: &Grants, refusals: &Arc<Refusals>) -> Result<Self> {
        if grants.folders.is_empty() && grants.environment.is_empty() && grants.sockets.is_empty() {
            return Ok(Self::default());
        }
        let mut builder = WasiCtxBuilder::new();
        for (index, folder) in grants.folders.iter().enumerate() {
            let before = grants.folders.iter().take(index);
            if let Some(other) = before.into_iter().find(|other| other.guest == folder.guest) {
                return Err(Error::invalid(format!(
                    "the folders {} and {} are both granted as `{}`; grant one of them under another path",
                    other.host.display(),
                    folder.host.display(),
                    folder.guest
                )));
            }
            preopen(&mut builder, folder)?;
        }
        let environment = grants
            .environment
            .iter()
            .filter_map(|variable| Some((variable.name().to_owned(), variable.value()?)))
            .collect();
        let sockets = (!grants.sockets.is_empty())
            .then(|| Arc::new(Sockets::new(grants.sockets.clone(), refusals.clone())));
        Ok(Self {
            granted: Some(Arc::new(Granted { folders: grants.folders.clone(), environment, sockets })),
        })
    }

    /// The state of one Store, with what is lent to it opened.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where a folder is not there any more.
    pub(crate) fn open(&self, set_up: impl FnOnce(&mut WasiCtxBuilder)) -> Result<WasiCtx> {
        let mut builder = WasiCtx::builder();
        builder.allow_tcp(false).allow_udp(false);
        if let Some(granted) = &self.granted {
            granted.folders.iter().try_for_each(|folder| preopen(&mut builder, folder))?;
            builder.envs(&granted.environment);
            if let Some(sockets) = &granted.sockets {
                sockets.clone().lend(&mut builder);
            }
        }
        set_up(&mut builder);
        Ok(builder.build())
    }

    /// Whether the instance may use sockets, which need a runtime that drives them.
    pub(crate) fn has_sockets(&self) -> bool {
        self.granted.as_ref().is_some_and(|granted| granted.sockets.is_some())
    }
}

fn preopen(builder: &mut WasiCtxBuilder, folder: &FolderGrant) -> Result<()> {
    let permissions = match folder.access {
        FolderAccess::ReadOnly => FsPerms::ReadOnly,
        FolderAccess::ReadWrite => FsPerms::ReadWrite,
    };
    match builder.preopened_dir(&folder.host, folder.guest.as_str(), permissions) {
        Ok(_) => Ok(()),
        Err(error) => {
            let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
            let error =
                code.map_or_else(|| io::Error::other(format!("{error:#}")), io::Error::from_raw_os_error);
            Err(Error::io(&format!("lend as `{}` the folder", folder.guest), &folder.host, &error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::job::Sinks;
    use crate::policy::Grant;

    fn loan(grants: &[String]) -> Result<WasiLoan> {
        let sinks = Sinks::new("a".into(), Arc::default());
        let grants: Grants = grants.iter().map(|text| text.parse::<Grant>().unwrap()).collect();
        WasiLoan::new(&grants, &Arc::new(Refusals::new(Arc::new(sinks))))
    }

    #[test]
    fn a_folder_that_cannot_be_lent_is_told_before_anything_runs() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for host in [file, dir.path().join("missing")] {
            let Err(error) = loan(&[format!("folder={}:/in", host.display())]) else { panic!("it was lent") };
            let (text, path) = (error.to_string(), host.display().to_string());
            assert!(text.contains(&path) && text.contains("`/in`"), "{text}");
            assert_eq!(error.category(), crate::error::Category::InvalidInput);
        }
    }

    #[test]
    fn two_folders_cannot_be_in_one_place() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let grants = [&one, &two].map(|dir| format!("folder={}:/in", dir.path().display()));
        let Err(error) = loan(&grants) else { panic!("it was lent") };
        assert!(error.to_string().contains("both granted as `/in`"), "{error}");
    }

    #[test]
    fn a_folder_that_vanished_is_told_when_an_instance_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let loan = loan(&[format!("folder={}:/in", dir.path().display())]).unwrap();
        assert!(loan.open(|_| {}).is_ok());
        drop(dir);
        assert!(loan.open(|_| {}).is_err());
    }
}
