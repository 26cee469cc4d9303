//! `mynah explain`: what a code means and what to do about it.

use std::fmt::Write;

use mynah_model::refusal::Code;

use crate::config::nearest;
use crate::exit::Failure;
use crate::output;

/// Explains a code, or lists all of them.
pub(crate) fn main(code: Option<&str>) -> Result<(), Failure> {
    let Some(wanted) = code else {
        let width = Code::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or_default();
        let mut list = String::new();
        for code in Code::ALL {
            // Writing to a string cannot fail.
            let _ = writeln!(list, "{:width$}  {}", code.as_str(), code.explanation());
        }
        return output::print(&list);
    };
    match Code::ALL.iter().find(|code| code.as_str() == wanted) {
        Some(code) => output::print(&format!("{code}\n{}\n", code.explanation())),
        None => {
            let failure = Failure::usage(format!("there is no code `{wanted}`"));
            Err(match nearest(wanted, Code::ALL.iter().map(|code| code.as_str())) {
                Some(near) => failure.hint(format!("did you mean `mynah explain {near}`?")),
                None => failure.hint("`mynah explain` lists all codes"),
            })
        }
    }
}
