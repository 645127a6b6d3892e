"""What `peerage doctor` and the admins' page look at, each subject in a module of its own."""
