//! The program `gridgate`.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(harness::cli::main())
}
