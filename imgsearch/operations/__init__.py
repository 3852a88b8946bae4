"""Operations on a collection of photos, one file a subject."""
