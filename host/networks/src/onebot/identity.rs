//! Which QQ number an account is. Scripts, state and journal belong to it: another one that is logged in at the same place must
//! not act in its name.

use parking_lot::Mutex;

/// The number of one account: the one that the operator named, or the first that logs in.
#[derive(Debug, Default)]
pub(super) struct Identity {
    named: Option<i64>,
    met: Mutex<Option<i64>>,
}

/// Another number than the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("QQ {other} is logged in there, and this account is {own}: log in the right one, or {mend}")]
pub(super) struct Another {
    own: i64,
    other: i64,
    mend: &'static str,
}

impl Identity {
    pub(super) fn new(named: Option<i64>) -> Self {
        Self { named, met: Mutex::default() }
    }

    /// Whether a number may be the account's.
    pub(super) fn check(&self, id: i64) -> Result<(), Another> {
        let (own, mend) = match self.named {
            Some(named) => (Some(named), "change `qq` in `mynah.toml`"),
            None => (*self.met.lock(), "stop and start the account if this is what it is to be from now on"),
        };
        match own {
            Some(own) if own != id => Err(Another { own, other: id, mend }),
            _ => Ok(()),
        }
    }

    /// Somebody logged in: it is their account from now on.
    pub(super) fn meet(&self, id: i64) -> Result<(), Another> {
        self.check(id)?;
        *self.met.lock() = Some(id);
        Ok(())
    }

    /// The operator starts the account: whoever logs in now is right, unless they said who it is.
    pub(super) fn forget(&self) {
        *self.met.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_logs_in_first_is_the_account_until_it_is_started_anew() {
        let identity = Identity::new(None);
        assert_eq!(identity.check(7), Ok(()));
        assert!(identity.meet(7).is_ok() && identity.meet(7).is_ok());
        assert!(identity.meet(8).unwrap_err().to_string().contains("QQ 8 is logged in there"));
        identity.forget();
        assert_eq!(identity.meet(8), Ok(()));
    }

    #[test]
    fn a_number_that_the_operator_named_is_the_account_s_for_good() {
        let identity = Identity::new(Some(7));
        identity.forget();
        assert!(identity.meet(8).unwrap_err().to_string().contains("change `qq`"));
        assert_eq!(identity.check(7), Ok(()));
    }
}
