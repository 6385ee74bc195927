//! What listings and status replies say of a file: shared by LIST, MLSx, STAT and SFTP attributes.

/// A moment in seconds and nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// The part of a second, 0 to 999 999 999, always counted forwards.
    pub nanoseconds: u32,
}

/// A moment as calendars name it, in UTC and the Gregorian calendar carried on in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilTime {
    /// The year; 0 is the year before 1.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59; 60 is taken as the next minute's first second.
    pub second: u8,
}

impl CivilTime {
    /// The calendar's name for a count of seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY_SECONDS);
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        // Years are counted from the first of March, so that a leap day is a year's last, in eras
        // of 400 years, after which the calendar repeats.
        let days = days + EPOCH_DAYS;
        let era = days.div_euclid(ERA_DAYS);
        let of_era = days.rem_euclid(ERA_DAYS);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month: month as u8,
            day: day as u8,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
        }
    }

    /// Seconds since 1970, or `None` if there is no such day or time, or its year is not 0 to 9999.
    pub fn to_seconds(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second } = self;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_of_month = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let valid = (0..=9999).contains(&year)
            && (1..=days_of_month).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !valid {
            return None;
        }
        let (month, day) = (i64::from(month), i64::from(day));
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let days = era * ERA_DAYS + of_era - EPOCH_DAYS;
        let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some(days * DAY_SECONDS + of_day)
    }
}

/// The type of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that was not followed.
    Symlink,
    /// A device, socket or pipe: listed, never opened.
    Other,
}

/// What `statx` knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The type.
    pub kind: Kind,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change of the contents.
    pub modified: Timestamp,
    /// The time of the last access.
    pub accessed: Timestamp,
    /// Permission bits, `0o7777` at the most.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The number of hard links.
    pub links: u32,
    /// The device and inode numbers: the `unique` fact (RFC 3659, 7.5.2).
    pub identity: (u64, u64),
}

/// What to change about a file. `None` leaves as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributeChange {
    /// The length in bytes: a plain file is cut, or filled with zeros.
    pub size: Option<u64>,
    /// The numbers of owner and group.
    pub owner: Option<(u32, u32)>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// The time of the last access.
    pub accessed: Option<Timestamp>,
    /// The time of the last change of the contents.
    pub modified: Option<Timestamp>,
}

/// What `statvfs` knows of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSystem {
    /// Bytes of a block that the file system likes to be read and written by.
    pub block_bytes: u64,
    /// Bytes of the unit that blocks are counted in.
    pub fragment_bytes: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks above the server's reserve.
    pub blocks_available: u64,
    /// Inodes in all.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// Free inodes for everybody.
    pub files_available: u64,
    /// Its number.
    pub id: u64,
    /// Read-only.
    pub read_only: bool,
    /// The longest name in bytes.
    pub name_bytes_max: u64,
}

impl Attributes {
    /// The type and permission bits as `ls -l` shows them: `drwxr-xr-x`.
    pub fn mode_string(&self) -> [u8; 10] {
        let kind = match self.kind {
            Kind::File => b'-',
            Kind::Directory => b'd',
            Kind::Symlink => b'l',
            Kind::Other => b's',
        };
        let bit = |mask: u32, shown: u8| if self.mode & mask != 0 { shown } else { b'-' };
        // The execute place also shows set-user, set-group and sticky.
        let execute = |mask: u32, special: u32, both: u8, alone: u8| match (
            self.mode & mask != 0,
            self.mode & special != 0,
        ) {
            (true, true) => both,
            (false, true) => alone,
            (true, false) => b'x',
            (false, false) => b'-',
        };
        [
            kind,
            bit(0o400, b'r'),
            bit(0o200, b'w'),
            execute(0o100, 0o4000, b's', b'S'),
            bit(0o040, b'r'),
            bit(0o020, b'w'),
            execute(0o010, 0o2000, b's', b'S'),
            bit(0o004, b'r'),
            bit(0o002, b'w'),
            execute(0o001, 0o1000, b't', b'T'),
        ]
    }
}

/// What the user may do with an entry, as the `perm` fact tells it (RFC 3659, 7.5.5). Judged by
/// policy alone, before the file system has its say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// May read files and enter and list directories.
    pub read: bool,
    /// May create and overwrite files.
    pub write: bool,
    /// May append to files.
    pub append: bool,
    /// May delete files and directories.
    pub delete: bool,
    /// May rename.
    pub rename: bool,
    /// May make directories.
    pub make_directory: bool,
    /// May list directories.
    pub list: bool,
}

impl Rights {
    /// Appends the letters of the `perm` fact for an entry of this kind. Of links and special files
    /// only what happens to the name itself is told: what they lead to is not known here.
    pub fn write_perm(&self, out: &mut Vec<u8>, kind: Kind) {
        let (file, directory) = (kind == Kind::File, kind == Kind::Directory);
        let letters = [
            (b'a', file && self.append),
            (b'c', directory && self.write),
            (b'd', self.delete),
            (b'e', directory && self.read),
            (b'f', self.rename),
            (b'l', directory && self.list),
            (b'm', directory && self.make_directory),
            (b'p', directory && self.delete),
            (b'r', file && self.read),
            (b'w', file && self.write),
        ];
        out.extend(letters.into_iter().filter_map(|(letter, held)| held.then_some(letter)));
    }
}

/// One line of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The name as stored: any byte but `/` and NUL.
    pub name: &'a [u8],
    /// What is known of it.
    pub attributes: Attributes,
    /// Where a symbolic link points, when it was read.
    pub target: Option<&'a [u8]>,
}

/// Seconds in a day; leap seconds are not counted (POSIX time).
const DAY_SECONDS: i64 = 86_400;
/// Days in 400 Gregorian years.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01, where the eras begin, to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

#[cfg(test)]
mod tests;
