//! What people read, word for word.

use crate::desk::{CASE14, Desk, SUITE};

#[test]
fn a_solution_and_a_census_in_words() {
    let desk = Desk::new();
    insta::assert_snapshot!("census", desk.say(&["census", "case14.m"]).with(0).out);
    // The mismatch left over is rounding, which differs between machines.
    let said = desk.say(&["solve", "case14.m", "--format", "text"]).with(0).out;
    let mut words = String::new();
    for line in said.lines() {
        let stable = line.split(", largest mismatch ").next().expect("a part");
        words += &format!("{stable}\n");
    }
    insta::assert_snapshot!("solve", words);
}

#[test]
fn three_errors_in_words() {
    let desk = Desk::new();
    desk.put("case14.m", CASE14.replace("\t4\t5\t0.01335", "\t4\t9010\t0.01335"));
    insta::assert_snapshot!("unknown_bus", desk.say(&["solve", "case14.m"]).with(2).err);
    let wrong = SUITE.replace("seed =", "sede =").replace("kind = \"rate\"", "kind = \"ratio\"");
    desk.put("suite.toml", wrong);
    insta::assert_snapshot!("misspelt_suite", desk.say(&["check", "suite.toml"]).with(2).err);
    desk.put("theirs/thesis.txt", "");
    desk.put("case14.m", CASE14);
    desk.put("suite.toml", SUITE);
    insta::assert_snapshot!("foreign_folder", desk.run("suite.toml", "theirs", &[]).with(2).err);
}
