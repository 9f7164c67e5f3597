//! What is logged, by whichever of the two ways that libraries have.
use std::{
    cell::RefCell,
    io,
    sync::{Arc, Mutex, Once},
};

/// What a thread logged while a [`Guard`] was there, down to the last detail.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

/// Listens until it is dropped.
pub(crate) struct Guard;

thread_local! {
    static LISTENER: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

impl Heard {
    /// Listens to this thread.
    pub(crate) fn listen() -> (Self, Guard) {
        // For all threads: a place in the code that logs asks once whether anybody wants to
        // know, and the thread that comes there first need not be the one that does.
        static LISTENING: Once = Once::new();
        LISTENING.call_once(|| {
            log::set_logger(&Forward).unwrap();
            log::set_max_level(log::LevelFilter::Trace);
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .without_time()
                .with_target(false)
                .with_max_level(tracing::Level::TRACE)
                .with_writer(|| Forward);
            tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        });
        let heard = Self::default();
        LISTENER.set(Some(heard.clone()));
        (heard, Guard)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|it| it.trim().to_owned()).collect()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        LISTENER.set(None);
    }
}

/// Hands what is logged to whoever listens to the thread.
struct Forward;

impl io::Write for Forward {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LISTENER.with_borrow(|listener| {
            if let Some(Heard(heard)) = listener {
                heard.lock().unwrap().extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Forward {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        io::Write::write_all(&mut Self, line.as_bytes()).unwrap();
    }

    fn flush(&self) {}
}
