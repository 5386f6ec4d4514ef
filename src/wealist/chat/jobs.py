"""Background work of the chat service."""

from wealist.chat import measures, places, reminders, uploads
from wealist.core.jobs import Job

JOBS = [
    Job("chat.uploads.unused", 600, uploads.drop_expired),
    Job("chat.uploads.orphans", 24 * 3600, uploads.reconcile),
    Job("chat.places", 300, places.purge),
    Job("chat.reminders", 60, reminders.remind),
    Job("chat.gauges", 60, measures.measure, leased=False),
]
